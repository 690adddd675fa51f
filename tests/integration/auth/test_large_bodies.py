"""Large and invalid bodies on the public routes: refused before they are parsed, and counted."""

import base64
import json
from typing import Any

import pytest

from dreamvision_api.request_body import MAX_BODY_BYTES
from tests.integration.auth.fixtures import EMAIL, PASSWORD, AccountBackend, AuthApi, register

_PREFIX = "/api/v1/auth"
_ROUTES = ("register", "login", "refresh", "confirm", "resend-confirmation", "forgot-password", "reset-password")
_LOGIN = {"email": EMAIL, "password": PASSWORD}


def unknown_keys(size: int) -> str:
    """Return a JSON object of at least ``size`` bytes whose keys no route knows."""
    return "{" + ",".join(f'"k{number}":1' for number in range(size // 8)) + "}"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The beginnings of all texts that were parsed as JSON, the responses among them."""
    texts: list[str] = []
    loads = json.loads

    def noting(text: str, **options: Any) -> Any:
        texts.append(str(text[:20]))
        return loads(text, **options)

    monkeypatch.setattr(json, "loads", noting)
    return texts


def windows(backend: AccountBackend) -> list[str]:
    guards = [str(item["guard"]) for item in backend.items("guards")]
    return [guard.split("#")[1] for guard in guards if guard.startswith("rate#")]


@pytest.mark.parametrize("name", _ROUTES)
def test_five_megabytes_of_unknown_keys_are_refused_unparsed_and_counted(
    auth: AuthApi, backend: AccountBackend, parsed: list[str], name: str
) -> None:
    auth(f"POST {_PREFIX}/login", _LOGIN)

    answer = auth(f"POST {_PREFIX}/{name}", unknown_keys(5_000_000))

    assert (answer.status, answer.body["type"]) == (413, "urn:dreamvision:problem:body_too_large")
    assert not [text for text in parsed if text.startswith('{"k0"')]
    assert [text for text in parsed if text.startswith('{"type"')], "the response"
    assert len(json.dumps(answer.body)) < 1000
    assert answer.headers["RateLimit"].startswith('"auth";r=18;')
    assert windows(backend) == ["auth"]


@pytest.mark.parametrize("name", _ROUTES)
@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", unknown_keys(1000), unknown_keys(100_000)])
def test_requests_that_are_not_valid_use_up_the_limit(auth: AuthApi, name: str, body: str) -> None:
    statuses = [auth(f"POST {_PREFIX}/{name}", body).status for _ in range(21)]
    assert set(statuses[:20]) <= {400, 413, 422}
    assert statuses[20] == 429
    # AND neither does a valid request pass in this minute
    assert auth(f"POST {_PREFIX}/login", _LOGIN).status == 429


def test_an_invalid_refresh_of_a_session_counts_for_the_session(auth: AuthApi, backend: AccountBackend) -> None:
    token = register(backend).refresh_token
    for _ in range(10):
        assert auth(f"POST {_PREFIX}/refresh", {"refresh_token": token, "unknown": 1}).status == 422
    assert auth(f"POST {_PREFIX}/refresh", {"refresh_token": token}).status == 429
    assert windows(backend) == ["refresh"]


@pytest.mark.parametrize("token", [None, 1, [], {}, "", "ü", "\ud83d", "a.b.c.d.e"])
def test_a_refresh_without_a_token_of_ours_counts_for_the_address(
    auth: AuthApi, backend: AccountBackend, token: Any
) -> None:
    assert auth(f"POST {_PREFIX}/refresh", {"refresh_token": token}).status in (401, 422)
    assert windows(backend) == ["auth"]


def test_at_most_twenty_invalid_values_are_listed(auth: AuthApi) -> None:
    answer = auth(f"POST {_PREFIX}/login", unknown_keys(20_000))
    assert answer.status == 422
    assert len(answer.body["errors"]) == 20


@pytest.mark.parametrize("encoded", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("filler", ["x", "é", "🌙"])
def test_the_size_is_that_of_the_decoded_bytes(auth: AuthApi, filler: str, encoded: bool) -> None:
    frame = json.dumps({**_LOGIN, "x": "<>"})
    most = (MAX_BODY_BYTES - len(frame) + 2) // len(filler.encode())
    for count, status in ((most, 422), (most + 1, 413)):
        body = frame.replace("<>", filler * count)
        sent = base64.b64encode(body.encode()).decode() if encoded else body
        assert auth(f"POST {_PREFIX}/login", sent, encoded=encoded).status == status, count


@pytest.mark.parametrize("body", ["no base64!", "ü" * 10, "A", "=" * 10])
def test_a_body_that_is_not_base64_is_malformed(auth: AuthApi, body: str) -> None:
    assert auth(f"POST {_PREFIX}/login", body, encoded=True).status == 400


def test_the_longest_dream_as_escaped_emoji_fits() -> None:
    body = json.dumps({"dream_text": "🌙" * 2000, "duration": 10})
    assert 24_000 < len(body) < MAX_BODY_BYTES
