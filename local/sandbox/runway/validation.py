"""Validation of POST /v1/text_to_video, with the zod issues of the vendor's 400 response."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_MAX_PROMPT_UNITS = 1000
_MAX_SEED = 4_294_967_295
_LANDSCAPE_OR_PORTRAIT = ("1280:720", "720:1280")
_FULL_HD = (*_LANDSCAPE_OR_PORTRAIT, "1920:1080", "1080:1920")
_VEO_SECONDS = (4, 6, 8)
_VEO_DEFAULT_SECONDS = 8

Issue = dict[str, Any]


class InvalidBodyError(Exception):
    """The body violates the model's schema. ``issues`` lists the violations in zod's format."""

    def __init__(self, issues: list[Issue]) -> None:
        super().__init__("Validation of body failed")
        self.issues = issues


@dataclass(frozen=True)
class GenerationRequest:
    """A valid request for ``seconds`` of video at ``width`` x ``height`` pixels. ``credits`` is its maximum cost."""

    model: str
    prompt: str
    width: int
    height: int
    seconds: int
    credits: int
    seed: int | None


@dataclass(frozen=True)
class _Model:
    """A model's parameters. Credits are per second of video, with and without audio; gen4.5 has no audio."""

    credits_with_audio: int
    credits_silent: int
    fields: Mapping[str, Callable[[Any], Issue | None]]
    required: tuple[str, ...]


def validate_request(body: object) -> GenerationRequest:
    """Validate a decoded body.

    Raises:
        InvalidBodyError: the body violates the model's schema.
    """
    if not isinstance(body, dict):
        raise InvalidBodyError([_wrong_type("object", body, ())])
    model = _model(body)
    issues = [issue for name in model.required if (issue := _check(name, model, body)) is not None]
    optional = [name for name in body if name in model.fields and name not in model.required]
    issues += [issue for name in optional if (issue := _check(name, model, body)) is not None]
    unknown = [name for name in body if name not in model.fields and name != "model"]
    if unknown:
        issues.append(_unrecognized(unknown, ()))
    if issues:
        raise InvalidBodyError(issues)
    width, height = (int(part) for part in body["ratio"].split(":"))
    seconds = int(body.get("duration", _VEO_DEFAULT_SECONDS))
    rate = model.credits_with_audio if body.get("audio", True) else model.credits_silent
    return GenerationRequest(
        body["model"], body["promptText"], width, height, seconds, rate * seconds, body.get("seed")
    )


def _check(name: str, model: _Model, body: Mapping[str, Any]) -> Issue | None:
    issue = model.fields[name](body.get(name, _MISSING))
    return {**issue, "path": [name, *issue["path"]]} if issue else None


class _Missing:
    """Type of the placeholder for a field that is absent from the body."""


_MISSING = _Missing()


def _model(body: Mapping[str, Any]) -> _Model:
    name = body.get("model", _MISSING)
    if isinstance(name, str) and name in _MODELS:
        return _MODELS[name]
    issues = [] if isinstance(name, str) else [_wrong_type("string", name, ("model",))]
    union = {"code": "invalid_union", "errors": [], "note": "No matching discriminator", "discriminator": "model"}
    raise InvalidBodyError([*issues, {**union, "path": ["model"], "message": "Invalid input"}])


def _wrong_type(expected: str, value: object, path: tuple[str, ...]) -> Issue:
    message = f"Invalid input: expected {expected}, received {_zod_type(value)}"
    return {"expected": expected, "code": "invalid_type", "path": list(path), "message": message}


def _zod_type(value: object) -> str:
    if value is None:
        return "null"
    names = {_Missing: "undefined", bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def _unrecognized(names: list[str], path: tuple[str, ...]) -> Issue:
    quoted = ", ".join(f'"{name}"' for name in names)
    message = f"Unrecognized key{'s' if len(names) > 1 else ''}: {quoted}"
    return {"code": "unrecognized_keys", "keys": names, "path": list(path), "message": message}


def _size(origin: str, what: str, value: int, low: int, high: int) -> Issue | None:
    if low <= value <= high:
        return None
    big = value > high
    bound, sign = (high, "<=") if big else (low, ">=")
    unit = " characters" if origin == "string" else ""
    verb = f"expected {what} to {'have' if origin == 'string' else 'be'} {sign}{bound}{unit}"
    return {
        "origin": origin,
        "code": "too_big" if big else "too_small",
        "maximum" if big else "minimum": bound,
        "inclusive": True,
        "path": [],
        "message": f"Too {'big' if big else 'small'}: {verb}",
    }


def _text(low: int, high: int) -> Callable[[Any], Issue | None]:
    def check(value: Any) -> Issue | None:  # noqa: ANN401 - a decoded JSON value
        if not isinstance(value, str):
            return _wrong_type("string", value, ())
        return _size("string", "string", len(value.encode("utf-16-le", "surrogatepass")) // 2, low, high)

    return check


def _integer(low: int, high: int) -> Callable[[Any], Issue | None]:
    def check(value: Any) -> Issue | None:  # noqa: ANN401 - a decoded JSON value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _wrong_type("number", value, ())
        if not math.isfinite(value) or value != int(value):
            return {**_wrong_type("int", value, ()), "format": "safeint"}
        return _size("number", "number", int(value), low, high)

    return check


def _one_of(*options: object) -> Callable[[Any], Issue | None]:
    def check(value: Any) -> Issue | None:  # noqa: ANN401 - a decoded JSON value
        if any(value == option and isinstance(value, bool) == isinstance(option, bool) for option in options):
            return None
        shown = "|".join(f'"{option}"' if isinstance(option, str) else str(option) for option in options)
        message = f"Invalid option: expected one of {shown}"
        return {"code": "invalid_value", "values": list(options), "path": [], "message": message}

    return check


def _boolean(value: Any) -> Issue | None:  # noqa: ANN401 - a decoded JSON value
    return None if isinstance(value, bool) else _wrong_type("boolean", value, ())


def _moderation(value: Any) -> Issue | None:  # noqa: ANN401 - a decoded JSON value
    if not isinstance(value, dict):
        return _wrong_type("object", value, ())
    unknown = [name for name in value if name != "publicFigureThreshold"]
    if unknown:
        return _unrecognized(unknown, ())
    issue = _one_of("auto", "low")(value["publicFigureThreshold"]) if value else None
    return {**issue, "path": ["publicFigureThreshold"]} if issue else None


def _veo(credits_with_audio: int, credits_silent: int) -> _Model:
    fields = {
        "promptText": _text(1, _MAX_PROMPT_UNITS),
        "ratio": _one_of(*_FULL_HD),
        "duration": _one_of(*_VEO_SECONDS),
        "audio": _boolean,
        "negativePrompt": _text(1, _MAX_PROMPT_UNITS),
        "seed": _integer(0, _MAX_SEED),
    }
    return _Model(credits_with_audio, credits_silent, fields, ("promptText", "ratio"))


_MODELS = {
    "gen4.5": _Model(
        12,
        12,
        {
            "promptText": _text(1, _MAX_PROMPT_UNITS),
            "ratio": _one_of(*_LANDSCAPE_OR_PORTRAIT),
            "duration": _integer(2, 10),
            "seed": _integer(0, _MAX_SEED),
            "contentModeration": _moderation,
            "outputFormat": _one_of("mp4"),  # the vendor's eleven formats for editing suites are not simulated
        },
        ("promptText", "ratio", "duration"),
    ),
    "veo3.1": _veo(40, 20),
    "veo3.1_fast": _veo(15, 10),
}
MODEL_NAMES = tuple(_MODELS)
