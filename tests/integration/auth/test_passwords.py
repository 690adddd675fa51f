"""Confirmation codes, password resets and password changes."""

import pytest

from dreamvision.auth.errors import (
    InvalidCredentialsError,
    InvalidOrExpiredCodeError,
    InvalidRefreshTokenError,
    WeakPasswordError,
    WrongPasswordError,
)
from dreamvision.limits.rate_limits import (
    ATTEMPTS_PER_HOUR,
    CODES_PER_HOUR,
    PASSWORD_CHECKS_PER_HOUR,
    TooManyAttemptsError,
)
from tests.integration.auth.fixtures import (
    ADDRESS,
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    AccountBackend,
    Tables,
    register,
    trigger,
)


@pytest.mark.parametrize("email", [EMAIL, "unknown@example.com"])
def test_requesting_codes_is_limited_equally_for_known_and_unknown_addresses(
    backend: AccountBackend, email: str
) -> None:
    register(backend)

    for _ in range(CODES_PER_HOUR):
        backend.accounts.forgot_password(email)
        backend.accounts.resend_confirmation(email)
    for ask in (backend.accounts.forgot_password, backend.accounts.resend_confirmation):
        with pytest.raises(TooManyAttemptsError):
            ask(email)

    backend.clock.advance(3600)
    backend.cognito.user(EMAIL).codes_sent = 0
    backend.accounts.forgot_password(email)


@pytest.mark.parametrize("email", [EMAIL, "unknown@example.com"])
def test_guessing_codes_is_limited_equally_for_known_and_unknown_addresses(backend: AccountBackend, email: str) -> None:
    register(backend)
    backend.accounts.forgot_password(EMAIL)

    for _ in range(CODES_PER_HOUR):
        with pytest.raises(InvalidOrExpiredCodeError):
            backend.accounts.reset_password(email, "wrong", OTHER_PASSWORD, ADDRESS)
        with pytest.raises(InvalidOrExpiredCodeError):
            backend.accounts.confirm(email, "wrong", ADDRESS)
    with pytest.raises(TooManyAttemptsError):
        backend.accounts.reset_password(email, "wrong", OTHER_PASSWORD, ADDRESS)
    with pytest.raises(TooManyAttemptsError):
        backend.accounts.confirm(email, "wrong", ADDRESS)


_STRANGER = "198.51.100.66"


def test_a_strangers_wrong_codes_do_not_lock_the_owner_out_of_a_reset(backend: AccountBackend) -> None:
    register(backend)
    backend.accounts.forgot_password(EMAIL)
    for _ in range(CODES_PER_HOUR):
        with pytest.raises(InvalidOrExpiredCodeError):
            backend.accounts.reset_password(EMAIL, "wrong", OTHER_PASSWORD, _STRANGER)
    with pytest.raises(TooManyAttemptsError):
        backend.accounts.reset_password(EMAIL, "wrong", OTHER_PASSWORD, _STRANGER)

    # Cognito itself gives a code up after five attempts: the owner asks for another.
    backend.accounts.forgot_password(EMAIL)
    backend.accounts.reset_password(EMAIL, backend.cognito.outbox[-1][1], OTHER_PASSWORD, ADDRESS)

    assert backend.accounts.sign_in(EMAIL, OTHER_PASSWORD)


def test_a_strangers_wrong_codes_do_not_lock_the_owner_out_of_a_confirmation(tables: Tables) -> None:
    backend = AccountBackend(tables, trigger(confirm_email=True))
    backend.accounts.register(EMAIL, PASSWORD, "Luna")
    for _ in range(CODES_PER_HOUR):
        with pytest.raises(InvalidOrExpiredCodeError):
            backend.accounts.confirm(EMAIL, "wrong", _STRANGER)

    backend.accounts.resend_confirmation(EMAIL)
    backend.accounts.confirm(EMAIL, backend.cognito.outbox[-1][1], ADDRESS)

    assert backend.accounts.sign_in(EMAIL, PASSWORD)


def test_guesses_from_many_networks_are_limited_together(backend: AccountBackend) -> None:
    refused = 0
    for number in range(ATTEMPTS_PER_HOUR + 2):
        try:
            backend.accounts.confirm("unknown@example.com", "wrong", f"198.51.100.{number}")
        except TooManyAttemptsError:
            refused += 1
        except InvalidOrExpiredCodeError:
            continue

    assert refused == 2


def test_the_guards_table_does_not_contain_the_address(backend: AccountBackend) -> None:
    backend.accounts.forgot_password(EMAIL)

    assert "luna" not in str(backend.items("guards"))
    assert all("expires_at" in item for item in backend.items("guards"))


def test_resetting_the_password_revokes_every_session(backend: AccountBackend) -> None:
    before = register(backend)
    backend.accounts.forgot_password(EMAIL)

    backend.accounts.reset_password(EMAIL, backend.cognito.outbox[-1][1], OTHER_PASSWORD, ADDRESS)

    assert not backend.is_open(before.access_token)
    with pytest.raises(InvalidRefreshTokenError):
        backend.accounts.refresh(before.refresh_token)
    assert backend.is_open(backend.accounts.sign_in(EMAIL, OTHER_PASSWORD).access_token)


def test_changing_the_password_starts_a_new_session_and_revokes_the_others(backend: AccountBackend) -> None:
    here, elsewhere = register(backend), backend.accounts.sign_in(EMAIL, PASSWORD)

    answer = backend.accounts.change_password(here.user.id, PASSWORD, OTHER_PASSWORD)

    assert backend.is_open(answer.access_token)
    assert backend.accounts.refresh(answer.refresh_token).user == here.user
    assert not backend.is_open(here.access_token)
    assert not backend.is_open(elsewhere.access_token)
    with pytest.raises(InvalidCredentialsError):
        backend.accounts.sign_in(EMAIL, PASSWORD)


def test_a_wrong_current_password_changes_nothing(backend: AccountBackend) -> None:
    here = register(backend)

    with pytest.raises(WrongPasswordError):
        backend.accounts.change_password(here.user.id, "Wrong-password1", OTHER_PASSWORD)

    assert backend.is_open(here.access_token)
    assert backend.accounts.sign_in(EMAIL, PASSWORD)


def test_checks_of_the_current_password_are_limited(backend: AccountBackend) -> None:
    # GIVEN a stolen access token, with which passwords are guessed slowly enough for Cognito
    here = register(backend)
    for _ in range(PASSWORD_CHECKS_PER_HOUR):
        with pytest.raises(WrongPasswordError):
            backend.accounts.change_password(here.user.id, "Wrong-password1", OTHER_PASSWORD)
        backend.clock.advance(350)

    with pytest.raises(TooManyAttemptsError):
        backend.accounts.change_password(here.user.id, PASSWORD, OTHER_PASSWORD)

    backend.clock.advance(3600)
    assert backend.accounts.change_password(here.user.id, PASSWORD, OTHER_PASSWORD)


def test_a_refused_new_password_leaves_the_sessions_and_no_other(backend: AccountBackend) -> None:
    here = register(backend)

    with pytest.raises(WeakPasswordError):
        backend.accounts.change_password(here.user.id, PASSWORD, "sunshine")

    assert backend.is_open(here.access_token)
    assert [session.revoked for session in backend.cognito.sessions] == [False, True]
