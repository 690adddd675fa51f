"""Translate pydantic's errors into words for people, codes for programs, and limits."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from dreamvision.schemas.base import CODE_PATTERN, UUID_PATTERN
from dreamvision.schemas.invalid_values import ValueCode, at_least, at_most

# https://docs.pydantic.dev/latest/errors/validation_errors/, by the beginning of the type: string_type, int_parsing ...
_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("string", "Must be a text."),
    "string_unicode": ("string", "Must be a text of valid characters."),
    "int_": ("integer", "Must be a whole number."),
    "float_": ("number", "Must be a number."),
    "bool_": ("boolean", "Must be true or false."),
    "list_": ("array", "Must be a list."),
    "dict_": ("object", "Must be a JSON object."),
    "model_": ("object", "Must be a JSON object."),
}
_BY_PATTERN: Final[Mapping[str, str]] = {
    UUID_PATTERN: "Must be an id like 019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.",
    CODE_PATTERN: "Must be the code from the e-mail, without spaces.",
}
_OWN: Final = frozenset(ValueCode)
_LIMITS: Final = ("minimum", "maximum")

type InvalidValue = dict[str, Any]


def invalid_value(error: Mapping[str, Any]) -> InvalidValue:
    """Return the entry of a problem's ``errors`` for an error of pydantic. It never quotes the value."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    return {"loc": list(error["loc"]), **_described(kind, str(error["msg"]), context)}


def _described(kind: str, message: str, context: Mapping[str, Any]) -> InvalidValue:
    # Pydantic has the types too_long and missing, too.
    if kind in _OWN and "max_length" not in context and kind != "missing":
        return _entry(ValueCode(kind), message, **{name: context[name] for name in _LIMITS if name in context})
    if translate := _TRANSLATIONS.get(kind):
        return translate(context)
    for prefix, (expected, sentence) in _TYPES.items():
        if kind.startswith(prefix):
            return _entry(ValueCode.WRONG_TYPE, sentence, expected=expected)
    return _entry(ValueCode.INVALID, "Is not valid.")


def _entry(code: ValueCode, sentence: str, **limits: Any) -> InvalidValue:  # noqa: ANN401 - JSON
    return {"msg": sentence, "code": code.value, **limits}


def _too_short(context: Mapping[str, Any]) -> InvalidValue:
    return _entry(ValueCode.TOO_SHORT, at_least(context["min_length"]), minimum=context["min_length"])


def _too_long(context: Mapping[str, Any]) -> InvalidValue:
    return _entry(ValueCode.TOO_LONG, at_most(context["max_length"]), maximum=context["max_length"])


def _too_small(context: Mapping[str, Any]) -> InvalidValue:
    return _entry(ValueCode.TOO_SMALL, f"Must be at least {context['ge']:,}.", minimum=context["ge"])


def _too_large(context: Mapping[str, Any]) -> InvalidValue:
    return _entry(ValueCode.TOO_LARGE, f"Must be at most {context['le']:,}.", maximum=context["le"])


def _not_allowed(context: Mapping[str, Any]) -> InvalidValue:
    # "'16:9' or '9:16'"
    allowed = re.findall(r"'([^']*)'", str(context["expected"]))
    return _entry(ValueCode.NOT_ALLOWED, f"Must be one of: {', '.join(allowed)}.", allowed=allowed)


def _wrong_format(context: Mapping[str, Any]) -> InvalidValue:
    sentence = _BY_PATTERN.get(str(context["pattern"]), "Does not have the required format.")
    return _entry(ValueCode.WRONG_FORMAT, sentence)


def _value_error(context: Mapping[str, Any]) -> InvalidValue:
    # Only pydantic's e-mail validator gives a reason, which may quote the address.
    if "reason" in context:
        return _entry(ValueCode.INVALID_EMAIL, "Must be an e-mail address.")
    return _entry(ValueCode.INVALID, "Is not valid.")


type _Translation = Callable[[Mapping[str, Any]], InvalidValue]

_TRANSLATIONS: Final[Mapping[str, _Translation]] = {
    "missing": lambda _: _entry(ValueCode.MISSING, "Is required."),
    "extra_forbidden": lambda _: _entry(ValueCode.UNKNOWN_FIELD, "There is no field of this name."),
    "string_too_short": _too_short,
    "string_too_long": _too_long,
    # Of an address, which is measured after it was parsed.
    "too_long": _too_long,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "enum": _not_allowed,
    "literal_error": _not_allowed,
    "string_pattern_mismatch": _wrong_format,
    "value_error": _value_error,
}
