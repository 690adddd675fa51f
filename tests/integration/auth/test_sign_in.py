"""Sign-in, refresh and sign-out, and what each does to a user's sessions."""

import pytest

from dreamvision.auth.errors import (
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    UserPoolBusyError,
)
from tests.fakes.cognito import REFRESH_SECONDS
from tests.fakes.cognito_state import GRACE_SECONDS, refused
from tests.integration.auth.fixtures import (
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    AccountBackend,
    Tables,
    claims_of,
    register,
)


def test_refreshing_returns_new_tokens_for_the_same_session(backend: AccountBackend) -> None:
    first = register(backend)
    backend.clock.advance(3000)

    second = backend.accounts.refresh(first.refresh_token)

    assert second.user == first.user
    assert second.refresh_token != first.refresh_token
    assert backend.is_open(second.access_token)
    assert backend.accounts.refresh(second.refresh_token).user == first.user


def test_without_rotation_the_refresh_token_stays_the_same(tables: Tables) -> None:
    backend = AccountBackend(tables, rotation=False)
    first = register(backend)

    assert backend.accounts.refresh(first.refresh_token).refresh_token == first.refresh_token


def test_a_session_cannot_be_refreshed_for_longer_than_cognitos_tokens_live(backend: AccountBackend) -> None:
    answer = register(backend)
    for _ in range(72):
        backend.clock.advance(REFRESH_SECONDS / 73)
        answer = backend.accounts.refresh(answer.refresh_token)

    backend.clock.advance(REFRESH_SECONDS / 73)
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(answer.refresh_token)


def test_a_refresh_whose_response_was_lost_can_be_repeated_after_ten_seconds(backend: AccountBackend) -> None:
    # GIVEN a phone that never received the response to its refresh, and another session of the same user
    phone, elsewhere = register(backend), backend.accounts.sign_in(EMAIL, PASSWORD)
    backend.accounts.refresh(phone.refresh_token)

    # WHEN it repeats the request after ten seconds, and once more at the end of the grace period
    backend.clock.advance(10.5)
    repeated = backend.accounts.refresh(phone.refresh_token)
    backend.clock.advance(GRACE_SECONDS - 10.5)
    again = backend.accounts.refresh(phone.refresh_token)

    # THEN it gets tokens of its own session each time, and no session has ended
    assert "AdminUserGlobalSignOut" not in backend.cognito.calls
    for answer in (repeated, again, elsewhere):
        assert backend.is_open(answer.access_token)
        assert backend.is_open(backend.accounts.refresh(answer.refresh_token).access_token)
    assert claims_of(repeated.access_token)["origin_jti"] == claims_of(phone.access_token)["origin_jti"]


def test_reusing_a_refresh_token_after_the_grace_period_signs_the_user_out_everywhere(backend: AccountBackend) -> None:
    # GIVEN a stolen refresh token that was used since, and another session of the same user
    stolen = register(backend)
    rightful = backend.accounts.refresh(stolen.refresh_token)
    elsewhere = backend.accounts.sign_in(EMAIL, PASSWORD)
    backend.clock.advance(GRACE_SECONDS + 1)

    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(stolen.refresh_token)

    for session in (rightful, elsewhere):
        assert not backend.is_open(session.access_token)
        with pytest.raises(InvalidRefreshTokenError):
            backend.accounts.refresh(session.refresh_token)
    assert backend.is_open(backend.accounts.sign_in(EMAIL, PASSWORD).access_token)


def test_a_forged_reused_token_does_not_sign_another_user_out(backend: AccountBackend) -> None:
    victim = register(backend)
    mine = register(backend, email="mallory@example.com", name="Mallory").refresh_token
    backend.accounts.refresh(mine)
    backend.clock.advance(GRACE_SECONDS + 1)

    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(mine.replace(mine.split(".")[0], victim.user.id))

    assert backend.is_open(victim.access_token)


@pytest.mark.parametrize("place", range(5))
def test_a_tampered_refresh_token_does_not_reach_cognito(backend: AccountBackend, place: int) -> None:
    parts = register(backend).refresh_token.split(".", 4)
    parts[place] = parts[place][:-1] + ("A" if parts[place][-1] != "A" else "B")
    backend.cognito.calls.clear()

    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(".".join(parts))

    assert backend.cognito.calls == []


@pytest.mark.parametrize("token", ["garbage", "....", "ü.ü.ü.ü.ü", ". . . . ."])
def test_malformed_refresh_tokens_are_rejected(backend: AccountBackend, token: str) -> None:
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(token)


def test_signing_out_revokes_one_session_at_once(backend: AccountBackend) -> None:
    first, second = register(backend), backend.accounts.sign_in(EMAIL, PASSWORD)

    backend.accounts.sign_out(first.user.id, backend.cognito.sessions[0].origin_jti)

    assert not backend.is_open(first.access_token)
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(first.refresh_token)
    assert backend.cognito.sessions[0].revoked
    assert backend.is_open(second.access_token)
    assert backend.accounts.refresh(second.refresh_token)


def test_a_session_may_start_in_the_second_of_signing_out_everywhere(backend: AccountBackend) -> None:
    sessions = [register(backend), backend.accounts.sign_in(EMAIL, PASSWORD)]

    backend.accounts.sign_out_everywhere(sessions[0].user.id)
    after = backend.accounts.sign_in(EMAIL, PASSWORD)

    for session in sessions:
        assert not backend.is_open(session.access_token)
        with pytest.raises(InvalidRefreshTokenError):
            backend.accounts.refresh(session.refresh_token)
    assert backend.is_open(after.access_token)
    assert backend.is_open(backend.accounts.refresh(after.refresh_token).access_token)


def test_sessions_are_revoked_even_if_cognito_fails_or_does_not_know_the_user(backend: AccountBackend) -> None:
    answer = register(backend)
    backend.cognito.fail("AdminUserGlobalSignOut", refused("TooManyRequestsException"))
    with pytest.raises(UserPoolBusyError):
        backend.accounts.sign_out_everywhere(answer.user.id)
    assert not backend.is_open(answer.access_token)

    backend.pool.delete(answer.user.id)
    backend.accounts.sign_out_everywhere(answer.user.id)


def test_wrong_passwords_and_unknown_addresses_get_the_same_error(backend: AccountBackend) -> None:
    register(backend)

    refusals = []
    for email in (EMAIL, "unknown@example.com"):
        with pytest.raises(InvalidCredentialsError) as refusal:
            backend.accounts.sign_in(email, OTHER_PASSWORD)
        refusals.append((str(refusal.value), refusal.value.user_message))

    assert refusals[0] == refusals[1]
