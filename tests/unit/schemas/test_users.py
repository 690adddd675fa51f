"""Validation of the account requests."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from dreamvision.schemas.passwords import Password
from dreamvision.schemas.users import Code, Email, NewPassword, RefreshToken, Username, UserRegister

_REGISTRATION = {"email": "luna@example.com", "password": "Moonlight7", "username": "luna"}


def _value(annotated: Any, value: object) -> Any:
    return TypeAdapter(annotated).validate_python(value)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("luna", "luna"),
        ("  luna  ", "luna"),
        ("Luna Dreams", "Luna Dreams"),
        ("a.b-c_d", "a.b-c_d"),
        ("夢見る人", "夢見る人"),
        ("علي الحالم", "علي الحالم"),
        ("x🌙y", "x🌙y"),
        ("a" * 30, "a" * 30),
        (" " + "a" * 30 + " ", "a" * 30),
    ],
)
def test_valid_usernames_are_accepted(given: str, stored: str) -> None:
    assert _value(Username, given) == stored


@pytest.mark.parametrize(
    "given",
    [
        "",
        "   ",
        "ab",
        " ab ",
        "a" * 31,
        "a\nbc",
        "abc\n",
        "a\tbc",
        "a#bc",
        "<b>x</b>",
        "a/b/c",
        "a@b.c",
        "a\u200bbc",
        "ab\u202ecd",
        "a\u00a0bc",
        "a\u00adbc",
        "a\ufe0fbc",
        "a\U000e0041bc",
        "a\x00bc",
        "a\ud800bc",
        123,
        None,
    ],
)
def test_invalid_usernames_are_rejected(given: object) -> None:
    with pytest.raises(ValidationError):
        _value(Username, given)


def test_the_documented_pattern_is_enforced() -> None:
    pattern = TypeAdapter(Username).json_schema()["pattern"]

    assert re.fullmatch(pattern, "luna dreams")
    assert not re.fullmatch(pattern, "lu")
    assert not re.fullmatch(pattern, "a" * 31)


@pytest.mark.parametrize("password", ["Moonlight7", "ÄmoonlightA7", "A1345678", "Moon light7", "A1" + "x" * 254])
def test_valid_passwords_are_accepted(password: str) -> None:
    assert _value(NewPassword, password) == password


@pytest.mark.parametrize(
    "password",
    [
        "Moonli7",
        "moonlight7",
        "Moonlight",
        "Ämoonlight7",
        "Moonlight²",
        " Moonlight7",
        "Moonlight7 ",
        "A1" + "x" * 255,
        7,
    ],
)
def test_invalid_passwords_are_rejected(password: object) -> None:
    with pytest.raises(ValidationError):
        _value(NewPassword, password)


def test_email_addresses_are_stored_in_lower_case() -> None:
    assert _value(Email, "Luna.Dreams@Example.COM") == "luna.dreams@example.com"


@pytest.mark.parametrize(
    "email", ["luna", "luna@", "@example.com", "luna@example", "Luna <luna@example.com>", "a b@example.com", 5, None]
)
def test_invalid_email_addresses_are_rejected(email: object) -> None:
    with pytest.raises(ValidationError):
        _value(Email, email)


def test_an_email_address_that_cognito_rejects_is_rejected() -> None:
    domain = f"{'b' * 60}.example.com"
    longest = "a" * (128 - len(domain) - 1) + "@" + domain

    assert _value(Email, longest) == longest
    with pytest.raises(ValidationError):
        _value(Email, "a" + longest)


@pytest.mark.parametrize("field", ["email", "password", "username"])
def test_lone_surrogates_in_text_are_rejected(field: str) -> None:
    """JSON can encode a lone surrogate, which UTF-8 cannot."""
    broken = _REGISTRATION | {field: _REGISTRATION[field][:4] + "\ud800" + _REGISTRATION[field][4:]}

    with pytest.raises(ValidationError):
        UserRegister.model_validate(broken)


@pytest.mark.parametrize("annotated", [Code, Password, RefreshToken])
def test_lone_surrogates_are_rejected_in_every_field(annotated: Any) -> None:
    with pytest.raises(ValidationError):
        _value(annotated, "12345\ud800")


def test_unknown_fields_are_rejected() -> None:
    with pytest.raises(ValidationError):
        UserRegister.model_validate({**_REGISTRATION, "subscription_tier": "premium"})


def test_an_error_never_quotes_the_input() -> None:
    with pytest.raises(ValidationError) as refusal:
        UserRegister.model_validate({**_REGISTRATION, "password": "topsecret", "email": "luna-at-example"})

    assert "topsecret" not in str(refusal.value)
    assert "luna-at-example" not in str(refusal.value)
