"""How long a session lives, and what ends it."""

import pytest

from dreamvision.auth.errors import InvalidRefreshTokenError
from dreamvision.auth.refresh_tokens import IDLE_SECONDS
from tests.integration.auth.fixtures import EMAIL, PASSWORD, AccountBackend, AuthApi, register

_DAY = 24 * 3600


def test_who_opens_the_app_every_day_stays_signed_in(backend: AccountBackend) -> None:
    token = register(backend).refresh_token

    for _ in range(60):
        backend.clock.advance(_DAY)
        token = backend.accounts.refresh(token).refresh_token


def test_a_session_ends_after_seven_days_without_use(backend: AccountBackend) -> None:
    first = register(backend).refresh_token
    backend.clock.advance(6 * _DAY)
    second = backend.accounts.refresh(first).refresh_token
    backend.clock.advance(IDLE_SECONDS - 1)
    third = backend.accounts.refresh(second).refresh_token

    backend.clock.advance(IDLE_SECONDS)
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(third)


def test_the_time_of_the_last_refresh_cannot_be_changed(backend: AccountBackend) -> None:
    parts = register(backend).refresh_token.split(".")
    backend.clock.advance(IDLE_SECONDS)
    parts[3] = str(int(backend.clock()))

    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(".".join(parts))


def test_a_token_without_that_time_counts_from_its_sign_in(backend: AccountBackend) -> None:
    user, session, signed_in_at, _, _, *cognitos = register(backend).refresh_token.split(".")
    former = [user, session, signed_in_at]
    seal = backend.pool.seal(".".join([*former, *cognitos]))

    answer = backend.accounts.refresh(".".join([*former, seal, *cognitos]))

    assert answer.refresh_token.split(".")[:3] == former
    backend.clock.advance(IDLE_SECONDS)
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(".".join([*former, seal, *cognitos]))


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "a.b.1.2", "a.b.1.2.c", "a.b.1.2.c.d", "a.b.c.d.e", "ü.ü.ü.1.ü.ü"])
def test_other_texts_are_no_refresh_tokens(backend: AccountBackend, text: str) -> None:
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(text)


def test_a_sign_out_revokes_the_refresh_token_at_cognito(auth: AuthApi, backend: AccountBackend) -> None:
    here = register(backend)
    elsewhere = backend.accounts.sign_in(EMAIL, PASSWORD)

    body = {"refresh_token": here.refresh_token}
    assert auth("POST /api/v1/auth/logout", body, token=here.access_token).status == 204

    assert [session.revoked for session in backend.cognito.sessions] == [True, False]
    assert not backend.is_open(here.access_token)
    assert backend.is_open(elsewhere.access_token)


@pytest.mark.parametrize("given", ["garbage", "of another session"])
def test_a_sign_out_with_another_refresh_token_ends_this_session_only(
    auth: AuthApi, backend: AccountBackend, given: str
) -> None:
    here = register(backend)
    elsewhere = backend.accounts.sign_in(EMAIL, PASSWORD)

    body = {"refresh_token": elsewhere.refresh_token if given == "of another session" else given}
    assert auth("POST /api/v1/auth/logout", body, token=here.access_token).status == 204

    assert [session.revoked for session in backend.cognito.sessions] == [False, False]
    assert not backend.is_open(here.access_token)
    assert backend.accounts.refresh(elsewhere.refresh_token)


def test_a_sign_out_needs_no_body(auth: AuthApi, backend: AccountBackend) -> None:
    here = register(backend)

    assert auth("POST /api/v1/auth/logout", token=here.access_token).status == 204
    assert not backend.is_open(here.access_token)
