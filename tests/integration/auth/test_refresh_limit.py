"""Refreshes are limited per session: the phones of a mobile carrier share one address."""

from typing import Any

from tests.integration.auth.fixtures import EMAIL, PASSWORD, AccountBackend, Answer, AuthApi, claims_of, register

_LOGIN = {"email": EMAIL, "password": PASSWORD}


def _refresh(auth: AuthApi, refresh_token: str) -> Answer:
    return auth("POST /api/v1/auth/refresh", {"refresh_token": refresh_token})


def _refresh_repeatedly(auth: AuthApi, refresh_token: str, times: int) -> list[Answer]:
    answers: list[Answer] = []
    for _ in range(times):
        answers.append(_refresh(auth, refresh_token))
        refresh_token = (answers[-1].body or {}).get("refresh_token", refresh_token)
    return answers


def _use_up_the_address(auth: AuthApi) -> None:
    for _ in range(20):
        auth("POST /api/v1/auth/login", {**_LOGIN, "email": "unknown@example.com"})
    assert auth("POST /api/v1/auth/login", _LOGIN).status == 429


def test_phones_behind_one_address_refresh_independently(auth: AuthApi, backend: AccountBackend) -> None:
    # GIVEN 50 phones behind carrier-grade NAT, whose address has no sign-in left in this minute
    register(backend)
    phones = [backend.accounts.sign_in(EMAIL, PASSWORD) for _ in range(50)]
    _use_up_the_address(auth)
    # WHEN all of them refresh within the same minute
    answers = [_refresh(auth, phone.refresh_token) for phone in phones]
    # THEN none is rejected
    assert [answer.status for answer in answers] == [200] * 50
    assert answers[0].headers["RateLimit-Policy"] == '"refresh";q=10;w=60'


def test_the_eleventh_refresh_of_a_session_in_a_minute_is_rejected(auth: AuthApi, backend: AccountBackend) -> None:
    session, other = register(backend), backend.accounts.sign_in(EMAIL, PASSWORD)

    answers = _refresh_repeatedly(auth, session.refresh_token, 11)

    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert answers[-1].body["type"] == "urn:dreamvision:problem:rate_limited"
    assert answers[-1].headers["RateLimit"].startswith('"refresh";r=0;t=')
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    # AND neither the user's other session nor a sign-in from the same address is affected
    assert _refresh(auth, other.refresh_token).status == 200
    assert auth("POST /api/v1/auth/login", _LOGIN).status == 200


def test_a_rejected_refresh_does_not_use_the_token(auth: AuthApi, backend: AccountBackend) -> None:
    last = _refresh_repeatedly(auth, register(backend).refresh_token, 10)[-1].body["refresh_token"]
    assert _refresh(auth, last).status == 429
    # WHEN the window is over
    _forget_windows(backend)
    assert _refresh(auth, last).status == 200


def test_a_token_that_is_not_ours_counts_against_the_address(auth: AuthApi, backend: AccountBackend) -> None:
    # GIVEN a sealed token whose session id was replaced, so that every request would have a window of its own
    user_id, _, *rest = register(backend).refresh_token.split(".", 4)
    forged = [".".join([user_id, f"session-{number}", *rest]) for number in range(21)]

    answers = [_refresh(auth, token) for token in forged]

    assert [answer.status for answer in answers] == [401] * 20 + [429]
    assert answers[-1].headers["RateLimit-Policy"] == '"auth";q=20;w=60'
    assert _scopes(backend) == {"auth"}


def test_the_session_is_stored_as_a_digest_that_expires(auth: AuthApi, backend: AccountBackend) -> None:
    session = register(backend)

    _refresh(auth, session.refresh_token)

    (item,) = _windows(backend)
    assert item["guard"].startswith("rate#refresh#")
    assert claims_of(session.access_token)["origin_jti"] not in str(item)
    assert session.user.id not in str(item)
    assert int(item["expires_at"]) <= backend.clock() + 300


def _scopes(backend: AccountBackend) -> set[str]:
    return {str(item["guard"]).split("#")[1] for item in _windows(backend)}


def _windows(backend: AccountBackend) -> list[dict[str, Any]]:
    return [item for item in backend.items("guards") if str(item["guard"]).startswith("rate#")]


def _forget_windows(backend: AccountBackend) -> None:
    client: Any = backend.database.client
    for item in backend.items("guards"):
        client.delete_item(TableName="guards", Key={"guard": item["guard"]})
