"""Registration across Cognito and the profiles table: uniqueness, failures at every step, concurrency."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dreamvision.auth.errors import (
    CodeDeliveryError,
    UserAlreadyExistsError,
    UserPoolBusyError,
    WeakPasswordError,
)
from dreamvision.schemas.users import ConfirmationRequired
from dreamvision.users.usernames import ProfileExistsError, UsernameTakenError, normalized
from tests.fakes.cognito_state import refused
from tests.integration.auth.fixtures import (
    ADDRESS,
    EMAIL,
    NAME,
    OTHER_PASSWORD,
    PASSWORD,
    RESERVATION_SECONDS,
    AccountBackend,
    Tables,
    held_usernames,
    is_empty,
    register,
    trigger,
)


def test_registering_creates_user_profile_and_username_and_signs_in(backend: AccountBackend) -> None:
    answer = register(backend)

    assert (answer.user.email, answer.user.username, answer.expires_in) == (EMAIL, NAME, 3600)
    assert answer.user.id == backend.cognito.user(EMAIL).sub
    assert backend.is_open(answer.access_token)
    profile = backend.accounts.profile(answer.user.id)
    assert (profile.subscription_tier, profile.dreams_count, profile.videos_count) == ("free", 0, 0)
    assert profile.created_at == backend.clock.utc()
    assert set(profile.dreams_by_category.values()) == {0}


@pytest.mark.parametrize("other", ["Luna", "luna", "LUNA", "Ｌｕｎａ", "lunA"])
def test_a_username_is_unique_regardless_of_case_and_width(backend: AccountBackend, other: str) -> None:
    register(backend)

    with pytest.raises(UsernameTakenError):
        register(backend, email="other@example.com", name=other)

    assert [user.email for user in backend.cognito.users.values()] == [EMAIL]


def test_usernames_are_normalized() -> None:
    assert normalized("Straße") == normalized("STRASSE")
    assert normalized("Jane  Doe") == normalized("jane doe")
    assert normalized("Åse") == normalized("A\u030ase")
    assert normalized("jane doe") != normalized("janedoe")


def test_a_rejected_address_leaves_the_username_free(backend: AccountBackend) -> None:
    register(backend)

    with pytest.raises(UserAlreadyExistsError):
        register(backend, password=OTHER_PASSWORD, name="Stella")

    assert held_usernames(backend) == {"username#luna"}
    assert register(backend, email="stella@example.com", name="Stella")


def test_a_second_registration_with_the_right_password_is_still_a_conflict(backend: AccountBackend) -> None:
    register(backend)
    backend.clock.advance(RESERVATION_SECONDS * 2)

    with pytest.raises(UserAlreadyExistsError):
        register(backend, name="Stella")

    assert backend.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


_STEPS: dict[str, Callable[[AccountBackend, pytest.MonkeyPatch], type[Exception]]] = {}


def _breaks(name: str) -> Callable[[Any], Any]:
    def named(step: Any) -> Any:
        _STEPS[name] = step
        return step

    return named


@_breaks("sign-up is refused")
def _(backend: AccountBackend, _: pytest.MonkeyPatch) -> type[Exception]:
    backend.cognito.fail("SignUp", refused("InvalidPasswordException"))
    return WeakPasswordError


@_breaks("the pool is busy")
def _(backend: AccountBackend, _: pytest.MonkeyPatch) -> type[Exception]:
    backend.cognito.fail("SignUp", refused("TooManyRequestsException"))
    return UserPoolBusyError


@_breaks("the profile cannot be written")
def _(backend: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    def broken(*_: Any, **__: Any) -> None:
        raise refused("InternalServerError")

    monkeypatch.setattr(backend.usernames, "assign", broken)
    return ClientError


@_breaks("the profile was written, but its response was lost")
def _(backend: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    real = backend.usernames.assign

    def broken(*args: Any) -> None:
        real(*args)
        raise refused("InternalServerError")

    monkeypatch.setattr(backend.usernames, "assign", broken)
    return ClientError


@_breaks("the first sign-in fails")
def _(backend: AccountBackend, _: pytest.MonkeyPatch) -> type[Exception]:
    backend.cognito.fail("AdminInitiateAuth", refused("TooManyRequestsException"))
    return UserPoolBusyError


@pytest.mark.parametrize("step", _STEPS)
def test_a_failure_at_any_step_leaves_username_and_address_free(
    backend: AccountBackend, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    # GIVEN a registration that fails at this step
    with monkeypatch.context() as broken:
        expected = _STEPS[step](backend, broken)
        with pytest.raises(expected):
            register(backend)

    # THEN nothing is left, and the same registration works at once
    assert is_empty(backend)
    assert register(backend).user.username == NAME


def test_a_crashed_registration_releases_its_username_after_a_minute(backend: AccountBackend) -> None:
    # GIVEN a username reserved by a registration that crashed
    backend.usernames.reserve(NAME, backend.clock.utc())

    with pytest.raises(UsernameTakenError):
        register(backend)
    backend.clock.advance(RESERVATION_SECONDS + 1)

    assert register(backend).user.username == NAME


def test_a_second_registration_completes_a_user_without_a_profile(backend: AccountBackend) -> None:
    # GIVEN a registration that crashed between the user and the profile
    backend.pool.sign_up(EMAIL, PASSWORD)

    # WHEN it is repeated while the first could still be running, THEN it is a conflict
    with pytest.raises(UserAlreadyExistsError):
        register(backend)

    # WHEN it is repeated later, THEN it succeeds, but only with the right password
    backend.clock.advance(RESERVATION_SECONDS + 1)
    with pytest.raises(UserAlreadyExistsError):
        register(backend, password=OTHER_PASSWORD)
    assert register(backend).user.username == NAME


@pytest.mark.parametrize(
    "error", ["NotAuthorizedException", "UserNotConfirmedException", "PasswordResetRequiredException"]
)
def test_an_address_that_cannot_sign_in_is_taken(backend: AccountBackend, error: str) -> None:
    """The answer is the same as for every other account: it tells nothing about its state."""
    backend.pool.sign_up(EMAIL, PASSWORD)
    backend.clock.advance(RESERVATION_SECONDS + 1)
    backend.cognito.fail("AdminInitiateAuth", refused(error))

    with pytest.raises(UserAlreadyExistsError):
        register(backend)

    assert held_usernames(backend) == set()
    assert [user.email for user in backend.cognito.users.values()] == [EMAIL]


def test_signing_in_creates_a_missing_profile(backend: AccountBackend) -> None:
    backend.pool.sign_up(EMAIL, PASSWORD)

    user = backend.accounts.sign_in(EMAIL, PASSWORD).user

    assert user.username.startswith("dreamer-")
    assert len(user.username) == len("dreamer-") + 8
    assert backend.accounts.profile(user.id).username == user.username


def test_a_registration_overtaken_by_a_sign_in_keeps_the_account(backend: AccountBackend) -> None:
    # GIVEN a client that signs in while its registration is between the user and the profile
    def signing_in(*_: Any) -> None:
        monkeypatch.undo()
        backend.accounts.sign_in(EMAIL, PASSWORD)
        raise ProfileExistsError

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(backend.usernames, "assign", signing_in)
        with pytest.raises(UserAlreadyExistsError):
            register(backend)

    assert backend.accounts.sign_in(EMAIL, PASSWORD).user.username.startswith("dreamer-")
    assert "username#luna" not in held_usernames(backend)


def test_one_of_fifty_concurrent_registrations_of_a_username_succeeds(backend: AccountBackend) -> None:
    start = threading.Barrier(50)

    def attempt(number: int) -> str:
        start.wait()
        try:
            register(backend, email=f"luna{number}@example.com", name="LUNA" if number % 2 else "luna")
        except UsernameTakenError:
            return "taken"
        return "won"

    with ThreadPoolExecutor(50) as clients:
        outcomes = Counter(clients.map(attempt, range(50)))

    assert outcomes == {"won": 1, "taken": 49}
    assert len(backend.cognito.users) == 1
    assert len(backend.items("profiles")) == 2


def test_one_of_twenty_concurrent_registrations_of_an_address_succeeds(backend: AccountBackend) -> None:
    start = threading.Barrier(20)

    def attempt(number: int) -> str:
        start.wait()
        try:
            register(backend, name=f"luna {number}")
        except UserAlreadyExistsError:
            return "exists"
        return "won"

    with ThreadPoolExecutor(20) as clients:
        outcomes = Counter(clients.map(attempt, range(20)))

    assert outcomes == {"won": 1, "exists": 19}
    assert len(held_usernames(backend)) == 1


def test_an_account_waits_for_its_confirmation_code(tables: Tables) -> None:
    backend = AccountBackend(tables, trigger(confirm_email=True))

    answer = backend.accounts.register(EMAIL, PASSWORD, NAME)

    assert isinstance(answer, ConfirmationRequired)
    assert answer.user.username == NAME
    backend.accounts.confirm(EMAIL, backend.cognito.outbox[-1][1], ADDRESS)
    assert backend.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


def test_an_undelivered_code_leaves_no_account(tables: Tables) -> None:
    backend = AccountBackend(tables, trigger(confirm_email=True))
    backend.cognito.fail("SignUp", refused("CodeDeliveryFailureException"))

    with pytest.raises(CodeDeliveryError):
        backend.accounts.register(EMAIL, PASSWORD, NAME)

    assert is_empty(backend)
