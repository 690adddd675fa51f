"""Registrations of an unconfirmed address: nobody can occupy it, or have its owner confirm another password."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dreamvision.auth.errors import (
    InvalidCredentialsError,
    InvalidOrExpiredCodeError,
    InvalidRefreshTokenError,
    UserAlreadyExistsError,
    WeakPasswordError,
)
from dreamvision.database.transactions import ContentionError
from dreamvision.schemas.users import ConfirmationRequired, TokenResponse
from tests.fakes.cognito_state import refused
from tests.integration.auth.fixtures import (
    ADDRESS,
    EMAIL,
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    AccountBackend,
    Tables,
    held_usernames,
    is_empty,
    trigger,
)
from tests.permissions.running import running_as

_ATTACKERS_PASSWORD = OTHER_PASSWORD


@pytest.fixture
def confirming(tables: Tables) -> Iterator[AccountBackend]:
    """A backend that asks for a confirmation, with the function's role."""
    with running_as("ApiAuth"):
        yield AccountBackend(tables, trigger(confirm_email=True))


def _last_code(backend: AccountBackend) -> str:
    return backend.cognito.outbox[-1][1]


def _sign_in_once_confirmed(backend: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> list[TokenResponse]:
    """Let the attacker sign in as soon as Cognito has confirmed the user. Returns the list that gets the session."""
    real = backend.cognito.confirm_sign_up
    stolen: list[TokenResponse] = []

    def overtaken(**request: Any) -> Any:
        answer = real(**request)
        stolen.append(backend.accounts.sign_in(EMAIL, _ATTACKERS_PASSWORD))
        return answer

    monkeypatch.setattr(backend.cognito, "confirm_sign_up", overtaken)
    return stolen


def test_a_stranger_who_registered_the_address_first_does_not_get_in(confirming: AccountBackend) -> None:
    # GIVEN an attacker who registers somebody else's address
    confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")
    first_code = _last_code(confirming)

    # WHEN its owner registers, and confirms
    answer = confirming.accounts.register(EMAIL, PASSWORD, NAME)
    with pytest.raises(InvalidOrExpiredCodeError):
        confirming.accounts.confirm(EMAIL, first_code, ADDRESS)
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS)

    # THEN only the owner's password signs in, and nothing is left of the attacker's registration
    assert isinstance(answer, ConfirmationRequired)
    assert confirming.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME
    with pytest.raises(InvalidCredentialsError):
        confirming.accounts.sign_in(EMAIL, _ATTACKERS_PASSWORD)
    assert held_usernames(confirming) == {"username#luna"}


def test_a_stranger_who_registers_the_address_last_does_not_get_in(confirming: AccountBackend) -> None:
    confirming.accounts.register(EMAIL, PASSWORD, NAME)
    first_code = _last_code(confirming)
    confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")

    # WHEN the owner confirms with the code that arrived last, and their own password
    with pytest.raises(InvalidOrExpiredCodeError):
        confirming.accounts.confirm(EMAIL, first_code, ADDRESS, PASSWORD)
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS, PASSWORD)

    # THEN the owner's password signs in, and the attacker's does not
    assert confirming.accounts.sign_in(EMAIL, PASSWORD)
    with pytest.raises(InvalidCredentialsError):
        confirming.accounts.sign_in(EMAIL, _ATTACKERS_PASSWORD)


def test_an_attacker_who_signs_in_within_the_confirmation_does_not_stay(
    confirming: AccountBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")
    stolen = _sign_in_once_confirmed(confirming, monkeypatch)
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS, PASSWORD)

    assert not confirming.is_open(stolen[0].access_token)
    with pytest.raises(InvalidRefreshTokenError):
        confirming.accounts.refresh(stolen[0].refresh_token)
    assert confirming.is_open(confirming.accounts.sign_in(EMAIL, PASSWORD).access_token)


def test_no_account_is_left_with_the_attackers_password(
    confirming: AccountBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")
    stolen = _sign_in_once_confirmed(confirming, monkeypatch)
    confirming.cognito.fail("AdminSetUserPassword", refused("InvalidPasswordException"))
    with pytest.raises(WeakPasswordError):
        confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS, PASSWORD)

    assert is_empty(confirming)
    assert not confirming.is_open(stolen[0].access_token)
    assert confirming.accounts.register(EMAIL, PASSWORD, NAME)


@pytest.mark.parametrize("email", [EMAIL, "unknown@example.com"])
def test_a_wrong_code_changes_no_password(confirming: AccountBackend, email: str) -> None:
    confirming.accounts.register(EMAIL, PASSWORD, NAME)

    with pytest.raises(InvalidOrExpiredCodeError):
        confirming.accounts.confirm(email, "wrong", ADDRESS, _ATTACKERS_PASSWORD)

    assert not confirming.cognito.user(EMAIL).confirmed
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS)
    assert confirming.accounts.sign_in(EMAIL, PASSWORD)


def test_registering_again_with_the_same_name_works(confirming: AccountBackend) -> None:
    confirming.accounts.register(EMAIL, PASSWORD, NAME)

    assert confirming.accounts.register(EMAIL, PASSWORD, NAME)

    assert len(confirming.cognito.users) == 1


def test_a_confirmed_user_is_not_replaced(confirming: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    confirming.accounts.register(EMAIL, PASSWORD, NAME)
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS, PASSWORD)

    with pytest.raises(UserAlreadyExistsError):
        confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")
    monkeypatch.setattr(confirming.cognito, "confirm_sign_up", lambda **_: {})
    with pytest.raises(InvalidOrExpiredCodeError):
        confirming.accounts.confirm(EMAIL, "123456", ADDRESS, _ATTACKERS_PASSWORD)

    assert confirming.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


def test_a_user_is_not_replaced_while_being_confirmed(
    confirming: AccountBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an attacker who registers the address in the moment of its confirmation
    confirming.accounts.register(EMAIL, PASSWORD, NAME)
    real = confirming.cognito.confirm_sign_up

    def overtaken(**request: Any) -> Any:
        with pytest.raises(UserAlreadyExistsError):
            confirming.accounts.register(EMAIL, _ATTACKERS_PASSWORD, "attacker")
        return real(**request)

    monkeypatch.setattr(confirming.cognito, "confirm_sign_up", overtaken)
    confirming.accounts.confirm(EMAIL, _last_code(confirming), ADDRESS, PASSWORD)

    assert confirming.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


def test_the_address_is_free_again_after_a_crash(confirming: AccountBackend) -> None:
    with confirming.accounts._registrations.hold(confirming.pool.seal(EMAIL)):
        with pytest.raises(UserAlreadyExistsError):
            confirming.accounts.register(EMAIL, PASSWORD, NAME)
        with pytest.raises(ContentionError):
            confirming.accounts.confirm(EMAIL, "123456", ADDRESS)
        confirming.clock.advance(31)

        assert confirming.accounts.register(EMAIL, PASSWORD, NAME)
    assert all("luna" not in str(item) for item in confirming.items("guards"))


def test_concurrent_registrations_leave_one_user_with_one_name(confirming: AccountBackend) -> None:
    start = threading.Barrier(20)

    def attempt(number: int) -> str:
        start.wait()
        try:
            confirming.accounts.register(EMAIL, PASSWORD, f"luna {number}")
        except UserAlreadyExistsError:
            return "exists"
        return "registered"

    with ThreadPoolExecutor(20) as clients:
        outcomes = Counter(clients.map(attempt, range(20)))

    assert outcomes["registered"] >= 1
    assert len(confirming.cognito.users) == 1
    assert len(held_usernames(confirming)) == 1
