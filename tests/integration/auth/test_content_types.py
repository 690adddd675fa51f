"""Spellings of ``Content-Type`` on routes with a body: JSON is accepted however it is written, the rest is a 415."""

import base64

import pytest

from tests.integration.auth.fixtures import EMAIL, PASSWORD, AuthApi

_ROUTES = ("register", "login", "refresh", "confirm", "resend-confirmation", "forgot-password", "reset-password")
_LOGIN = {"email": EMAIL, "password": PASSWORD}

JSON_SPELLINGS = [
    "",
    " ",
    "application/json",
    "APPLICATION/JSON",
    "Application/Json",
    "application/JSON; charset=utf-8",
    'APPLICATION/JSON;CHARSET="UTF-8"',
    "application/json ; charset=utf-8",
    " application/json",
    "\tAPPLICATION/JSON\t",
    "application/json;",
    "; charset=utf-8",
    "application/json; charset=iso-8859-1",
    "application/json; profile=urn:x",
]
OTHER_TYPES = [
    "text/plain",
    "TEXT/PLAIN",
    "application/jsonp",
    "application/json5",
    "application/json, application/json",
    "application/x-www-form-urlencoded",
    "APPLICATION/X-WWW-FORM-URLENCODED",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    "application/xml",
    "json",
    "*/*",
    "x" * 10_000,
    "äpplication/json",
    "application\u2215json",
    "application/j\u017fon",  # a long s, which is an s without regard to case
]


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
@pytest.mark.parametrize("spelling", JSON_SPELLINGS)
def test_json_is_accepted_however_it_is_spelled(auth: AuthApi, spelling: str, name: str) -> None:
    assert auth("POST /api/v1/auth/login", _LOGIN, headers={name: spelling}).status == 401


@pytest.mark.parametrize("name", _ROUTES)
def test_no_public_route_fails_on_a_spelling(auth: AuthApi, name: str) -> None:
    for spelling in JSON_SPELLINGS:
        assert auth(f"POST /api/v1/auth/{name}", {}, headers={"content-type": spelling}).status == 422, spelling


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_another_type_is_refused(auth: AuthApi, content_type: str) -> None:
    answer = auth("POST /api/v1/auth/login", _LOGIN, headers={"content-type": content_type})
    assert (answer.status, answer.body["type"]) == (415, "urn:dreamvision:problem:unsupported_media_type")


@pytest.mark.parametrize("content_type", [*JSON_SPELLINGS, *OTHER_TYPES])
@pytest.mark.parametrize("body", [None, ""])
def test_a_missing_body_is_invalid_whatever_its_type(auth: AuthApi, content_type: str, body: str | None) -> None:
    assert auth("POST /api/v1/auth/login", body, headers={"content-type": content_type}).status == 422


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "utf-16-le"])
def test_another_encoding_is_malformed(auth: AuthApi, charset: str) -> None:
    body = base64.b64encode('{"email": "ü"}'.encode(charset)).decode()
    headers = {"content-type": f"application/json; charset={charset}"}
    assert auth("POST /api/v1/auth/login", body, encoded=True, headers=headers).status == 400
