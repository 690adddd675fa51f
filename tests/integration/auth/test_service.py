"""Registering across two systems, names, sessions and codes, against real table semantics."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dreamvision.auth.errors import (
    CodeDeliveryError,
    InvalidCredentialsError,
    InvalidOrExpiredCodeError,
    InvalidRefreshTokenError,
    UserAlreadyExistsError,
    UserPoolBusyError,
    WeakPasswordError,
    WrongPasswordError,
)
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.database.transactions import Transaction
from dreamvision.limits.rate_limits import CODES_PER_HOUR, TooManyAttemptsError
from dreamvision.schemas.users import ConfirmationRequired, TokenResponse
from dreamvision.users.usernames import RESERVATION_LIFETIME, ProfileExistsError, UsernameTakenError, normalized
from tests.fakes.cognito import REFRESH_SECONDS
from tests.fakes.cognito_state import refused
from tests.integration.auth.world import EMAIL, NAME, OTHER_PASSWORD, PASSWORD, Tables, World, trigger

pytest_plugins = ["tests.integration.auth.fixtures"]

_LIFETIME = RESERVATION_LIFETIME.total_seconds()


def _register(service: World, email: str = EMAIL, password: str = PASSWORD, name: str = NAME) -> TokenResponse:
    answer = service.accounts.register(email, password, name)
    assert isinstance(answer, TokenResponse)
    return answer


def _held_names(service: World) -> set[str]:
    return {item["user_id"] for item in service.items("profiles") if item["user_id"].startswith("username#")}


def _nothing_left(service: World) -> bool:
    return not service.cognito.users and not service.items("profiles")


# ---------------------------------------------------------------- registering


def test_a_registration_makes_user_profile_and_name_and_signs_in(service: World) -> None:
    answer = _register(service)

    assert (answer.user.email, answer.user.username, answer.expires_in) == (EMAIL, NAME, 3600)
    assert answer.user.id == service.cognito.user(EMAIL).sub
    assert service.is_open(answer.access_token)
    profile = service.accounts.profile(answer.user.id)
    assert (profile.subscription_tier, profile.dreams_count, profile.videos_count) == ("free", 0, 0)
    assert profile.created_at == service.clock.utc()
    assert set(profile.dreams_by_category.values()) == {0}


@pytest.mark.parametrize("other", ["Luna", "luna", "LUNA", "Ｌｕｎａ", "lunA"])
def test_a_name_is_unique_without_regard_to_case_and_width(service: World, other: str) -> None:
    _register(service)

    with pytest.raises(UsernameTakenError):
        _register(service, email="other@example.com", name=other)

    assert [user.email for user in service.cognito.users.values()] == [EMAIL]


def test_names_fold_like_people_read_them() -> None:
    assert normalized("Straße") == normalized("STRASSE")
    assert normalized("Jane  Doe") == normalized("jane doe")
    assert normalized("Åse") == normalized("A\u030ase")
    assert normalized("jane doe") != normalized("janedoe")


def test_a_taken_address_leaves_the_name_free(service: World) -> None:
    _register(service)

    with pytest.raises(UserAlreadyExistsError):
        _register(service, password=OTHER_PASSWORD, name="Stella")

    assert _held_names(service) == {"username#luna"}
    assert _register(service, email="stella@example.com", name="Stella")


def test_a_second_registration_with_the_right_password_is_still_a_conflict(service: World) -> None:
    _register(service)
    service.clock.advance(_LIFETIME * 2)

    with pytest.raises(UserAlreadyExistsError):
        _register(service, name="Stella")

    assert service.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


_STEPS: dict[str, Callable[[World, pytest.MonkeyPatch], type[Exception]]] = {}


def _breaks(name: str) -> Callable[[Any], Any]:
    def named(step: Any) -> Any:
        _STEPS[name] = step
        return step

    return named


@_breaks("sign-up is refused")
def _(service: World, _: pytest.MonkeyPatch) -> type[Exception]:
    service.cognito.fail("SignUp", refused("InvalidPasswordException"))
    return WeakPasswordError


@_breaks("the pool is busy")
def _(service: World, _: pytest.MonkeyPatch) -> type[Exception]:
    service.cognito.fail("SignUp", refused("TooManyRequestsException"))
    return UserPoolBusyError


@_breaks("the profile cannot be written")
def _(service: World, monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    def broken(*_: Any, **__: Any) -> None:
        raise refused("InternalServerError")

    monkeypatch.setattr(service.usernames, "assign", broken)
    return ClientError


@_breaks("the profile was written, but nobody said so")
def _(service: World, monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    real = service.usernames.assign

    def broken(*args: Any) -> None:
        real(*args)
        raise refused("InternalServerError")

    monkeypatch.setattr(service.usernames, "assign", broken)
    return ClientError


@_breaks("the first sign-in fails")
def _(service: World, _: pytest.MonkeyPatch) -> type[Exception]:
    service.cognito.fail("AdminInitiateAuth", refused("TooManyRequestsException"))
    return UserPoolBusyError


@pytest.mark.parametrize("step", _STEPS)
def test_whatever_fails_nothing_blocks_the_name_or_the_address(
    service: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    # GIVEN a registration that fails at this step
    with monkeypatch.context() as broken:
        expected = _STEPS[step](service, broken)
        with pytest.raises(expected):
            _register(service)

    # THEN nothing is left, and the same registration works at once
    assert _nothing_left(service)
    assert _register(service).user.username == NAME


def test_the_name_of_a_registration_that_crashed_is_free_after_a_minute(service: World) -> None:
    # GIVEN a name that was reserved by somebody who never came back
    service.usernames.reserve(NAME, service.clock.utc())

    with pytest.raises(UsernameTakenError):
        _register(service)
    service.clock.advance(_LIFETIME + 1)

    assert _register(service).user.username == NAME


def test_a_user_without_a_profile_is_taken_up_by_the_next_try(service: World) -> None:
    # GIVEN a registration that crashed between the user and the profile
    service.pool.sign_up(EMAIL, PASSWORD)

    # WHEN it is tried again while the first could still be running, THEN it is a conflict
    with pytest.raises(UserAlreadyExistsError):
        _register(service)

    # WHEN it is tried again later, THEN it goes through; but only with the right password
    service.clock.advance(_LIFETIME + 1)
    with pytest.raises(UserAlreadyExistsError):
        _register(service, password=OTHER_PASSWORD)
    assert _register(service).user.username == NAME


def test_a_user_without_a_profile_may_just_sign_in(service: World) -> None:
    service.pool.sign_up(EMAIL, PASSWORD)

    user = service.accounts.sign_in(EMAIL, PASSWORD).user

    assert user.username.startswith("dreamer-")
    assert len(user.username) == len("dreamer-") + 8
    assert service.accounts.profile(user.id).username == user.username


def test_a_registration_that_was_overtaken_by_a_sign_in_keeps_the_account(service: World) -> None:
    # GIVEN a client that signs in while its registration is between the user and the profile
    def signing_in(*_: Any) -> None:
        monkeypatch.undo()
        service.accounts.sign_in(EMAIL, PASSWORD)
        raise ProfileExistsError

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(service.usernames, "assign", signing_in)
        with pytest.raises(UserAlreadyExistsError):
            _register(service)

    assert service.accounts.sign_in(EMAIL, PASSWORD).user.username.startswith("dreamer-")
    assert "username#luna" not in _held_names(service)


def test_of_fifty_registrations_of_one_name_exactly_one_wins(service: World) -> None:
    start = threading.Barrier(50)

    def register(number: int) -> str:
        start.wait()
        try:
            _register(service, email=f"luna{number}@example.com", name="LUNA" if number % 2 else "luna")
        except UsernameTakenError:
            return "taken"
        return "won"

    with ThreadPoolExecutor(50) as clients:
        outcomes = Counter(clients.map(register, range(50)))

    assert outcomes == {"won": 1, "taken": 49}
    assert len(service.cognito.users) == 1
    assert len(service.items("profiles")) == 2


def test_of_twenty_registrations_of_one_address_exactly_one_wins(service: World) -> None:
    start = threading.Barrier(20)

    def register(number: int) -> str:
        start.wait()
        try:
            _register(service, name=f"luna {number}")
        except UserAlreadyExistsError:
            return "exists"
        return "won"

    with ThreadPoolExecutor(20) as clients:
        outcomes = Counter(clients.map(register, range(20)))

    assert outcomes == {"won": 1, "exists": 19}
    assert len(_held_names(service)) == 1


# ---------------------------------------------------------------- with confirmation


def test_with_confirmation_the_account_waits_for_its_code(tables: Tables) -> None:
    service = World(tables, trigger(confirm_email=True))

    answer = service.accounts.register(EMAIL, PASSWORD, NAME)

    assert isinstance(answer, ConfirmationRequired)
    assert answer.user.username == NAME
    service.accounts.confirm(EMAIL, service.cognito.outbox[-1][1])
    assert service.accounts.sign_in(EMAIL, PASSWORD).user.username == NAME


def test_without_a_delivered_code_there_is_no_account(tables: Tables) -> None:
    service = World(tables, trigger(confirm_email=True))
    service.cognito.fail("SignUp", refused("CodeDeliveryFailureException"))

    with pytest.raises(CodeDeliveryError):
        service.accounts.register(EMAIL, PASSWORD, NAME)

    assert _nothing_left(service)


# ---------------------------------------------------------------- sessions


def test_a_refresh_gives_new_tokens_for_the_same_session(service: World) -> None:
    first = _register(service)
    service.clock.advance(3000)

    second = service.accounts.refresh(first.refresh_token)

    assert second.user == first.user
    assert second.refresh_token != first.refresh_token
    assert service.is_open(second.access_token)
    assert service.accounts.refresh(second.refresh_token).user == first.user


def test_without_rotation_the_refresh_token_stays_the_same(tables: Tables) -> None:
    service = World(tables, rotation=False)
    first = _register(service)

    assert service.accounts.refresh(first.refresh_token).refresh_token == first.refresh_token


def test_a_session_cannot_be_refreshed_for_longer_than_seven_days(service: World) -> None:
    answer = _register(service)
    for _ in range(6):
        service.clock.advance(REFRESH_SECONDS / 7)
        answer = service.accounts.refresh(answer.refresh_token)

    service.clock.advance(REFRESH_SECONDS / 7)
    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(answer.refresh_token)


def test_a_token_that_is_used_twice_signs_the_user_out_everywhere(service: World) -> None:
    # GIVEN a thief who has copied a refresh token that was used since, and another session of the same user
    stolen = _register(service)
    rightful = service.accounts.refresh(stolen.refresh_token)
    elsewhere = service.accounts.sign_in(EMAIL, PASSWORD)
    service.clock.advance(11)

    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(stolen.refresh_token)

    for session in (rightful, elsewhere):
        assert not service.is_open(session.access_token)
        with pytest.raises(InvalidRefreshTokenError):
            service.accounts.refresh(session.refresh_token)
    assert service.is_open(service.accounts.sign_in(EMAIL, PASSWORD).access_token)


def test_nobody_signs_somebody_else_out_with_a_used_token_of_their_own(service: World) -> None:
    victim = _register(service)
    mine = _register(service, email="mallory@example.com", name="Mallory").refresh_token
    service.accounts.refresh(mine)
    service.clock.advance(11)

    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(mine.replace(mine.split(".")[0], victim.user.id))

    assert service.is_open(victim.access_token)


@pytest.mark.parametrize("place", range(5))
def test_a_tampered_refresh_token_does_not_reach_cognito(service: World, place: int) -> None:
    parts = _register(service).refresh_token.split(".", 4)
    parts[place] = parts[place][:-1] + ("A" if parts[place][-1] != "A" else "B")
    service.cognito.calls.clear()

    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(".".join(parts))

    assert service.cognito.calls == []


@pytest.mark.parametrize("token", ["garbage", "....", "ü.ü.ü.ü.ü", ". . . . ."])
def test_garbage_is_no_refresh_token(service: World, token: str) -> None:
    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(token)


def test_a_logged_out_session_is_over_at_once_and_the_others_go_on(service: World) -> None:
    first, second = _register(service), service.accounts.sign_in(EMAIL, PASSWORD)

    service.accounts.sign_out(first.user.id, service.cognito.sessions[0].origin_jti)

    assert not service.is_open(first.access_token)
    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(first.refresh_token)
    assert service.cognito.sessions[0].revoked
    assert service.is_open(second.access_token)
    assert service.accounts.refresh(second.refresh_token)


def test_signing_out_everywhere_ends_all_and_a_new_session_begins_in_the_same_second(service: World) -> None:
    sessions = [_register(service), service.accounts.sign_in(EMAIL, PASSWORD)]

    service.accounts.sign_out_everywhere(sessions[0].user.id)
    after = service.accounts.sign_in(EMAIL, PASSWORD)

    for session in sessions:
        assert not service.is_open(session.access_token)
        with pytest.raises(InvalidRefreshTokenError):
            service.accounts.refresh(session.refresh_token)
    assert service.is_open(after.access_token)
    assert service.is_open(service.accounts.refresh(after.refresh_token).access_token)


def test_sessions_end_even_where_cognito_fails_or_has_no_such_user(service: World) -> None:
    answer = _register(service)
    service.cognito.fail("AdminUserGlobalSignOut", refused("TooManyRequestsException"))
    with pytest.raises(UserPoolBusyError):
        service.accounts.sign_out_everywhere(answer.user.id)
    assert not service.is_open(answer.access_token)

    service.pool.delete(answer.user.id)
    service.accounts.sign_out_everywhere(answer.user.id)


def test_wrong_passwords_and_unknown_addresses_get_the_same_refusal(service: World) -> None:
    _register(service)

    refusals = []
    for email in (EMAIL, "nobody@example.com"):
        with pytest.raises(InvalidCredentialsError) as refusal:
            service.accounts.sign_in(email, OTHER_PASSWORD)
        refusals.append((str(refusal.value), refusal.value.user_message))

    assert refusals[0] == refusals[1]


# ---------------------------------------------------------------- codes and passwords


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_asking_for_codes_is_limited_alike_for_known_and_unknown_addresses(service: World, email: str) -> None:
    _register(service)

    for _ in range(CODES_PER_HOUR):
        service.accounts.forgot_password(email)
        service.accounts.resend_confirmation(email)
    for ask in (service.accounts.forgot_password, service.accounts.resend_confirmation):
        with pytest.raises(TooManyAttemptsError):
            ask(email)

    service.clock.advance(3600)
    service.cognito.user(EMAIL).codes_sent = 0
    service.accounts.forgot_password(email)


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
def test_guessing_codes_is_limited_alike_for_known_and_unknown_addresses(service: World, email: str) -> None:
    _register(service)
    service.accounts.forgot_password(EMAIL)

    for _ in range(CODES_PER_HOUR):
        with pytest.raises(InvalidOrExpiredCodeError):
            service.accounts.reset_password(email, "wrong", OTHER_PASSWORD)
        with pytest.raises(InvalidOrExpiredCodeError):
            service.accounts.confirm(email, "wrong")
    with pytest.raises(TooManyAttemptsError):
        service.accounts.reset_password(email, "wrong", OTHER_PASSWORD)
    with pytest.raises(TooManyAttemptsError):
        service.accounts.confirm(email, "wrong")


def test_the_guards_table_does_not_know_the_address(service: World) -> None:
    service.accounts.forgot_password(EMAIL)

    assert "luna" not in str(service.items("guards"))
    assert all("expires_at" in item for item in service.items("guards"))


def test_resetting_the_password_ends_every_session(service: World) -> None:
    before = _register(service)
    service.accounts.forgot_password(EMAIL)

    service.accounts.reset_password(EMAIL, service.cognito.outbox[-1][1], OTHER_PASSWORD)

    assert not service.is_open(before.access_token)
    with pytest.raises(InvalidRefreshTokenError):
        service.accounts.refresh(before.refresh_token)
    assert service.is_open(service.accounts.sign_in(EMAIL, OTHER_PASSWORD).access_token)


def test_changing_the_password_gives_a_new_session_and_ends_the_others(service: World) -> None:
    here, elsewhere = _register(service), service.accounts.sign_in(EMAIL, PASSWORD)

    answer = service.accounts.change_password(here.user.id, here.access_token, PASSWORD, OTHER_PASSWORD)

    assert service.is_open(answer.access_token)
    assert service.accounts.refresh(answer.refresh_token).user == here.user
    assert not service.is_open(here.access_token)
    assert not service.is_open(elsewhere.access_token)
    with pytest.raises(InvalidCredentialsError):
        service.accounts.sign_in(EMAIL, PASSWORD)


def test_a_wrong_current_password_changes_nothing(service: World) -> None:
    here = _register(service)

    with pytest.raises(WrongPasswordError):
        service.accounts.change_password(here.user.id, here.access_token, "Wrong-password1", OTHER_PASSWORD)

    assert service.is_open(here.access_token)
    assert service.accounts.sign_in(EMAIL, PASSWORD)


# ---------------------------------------------------------------- the profile


def test_a_missing_profile_is_made_and_keeps_the_counters(service: World) -> None:
    # GIVEN a user whom an administrator made, and who has told a dream already
    user = service.cognito.add_user("Admin.Made@Example.com", PASSWORD)
    write = service.profiles.count_write(user.sub, service.clock.utc(), dreams=3)
    service.database.transact_write(Transaction().add("profile", write))

    profile = service.accounts.profile(user.sub)

    assert profile.username.startswith("dreamer-")
    assert (profile.email, profile.dreams_count) == ("admin.made@example.com", 3)
    assert service.accounts.profile(user.sub) == profile


def test_many_first_requests_at_once_make_one_profile(service: World) -> None:
    user = service.cognito.add_user(EMAIL, PASSWORD)

    with ThreadPoolExecutor(10) as clients:
        names = {profile.username for profile in clients.map(lambda _: service.accounts.profile(user.sub), range(10))}

    assert len(names) == 1
    assert _held_names(service) == {f"username#{names.pop()}"}


def test_a_removed_user_has_no_profile(service: World) -> None:
    with pytest.raises(UnauthenticatedError):
        service.accounts.profile("6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11")


def test_renaming_frees_the_old_name(service: World) -> None:
    user_id = _register(service).user.id

    assert service.accounts.rename(user_id, "Stella").username == "Stella"

    assert _held_names(service) == {"username#stella"}
    assert _register(service, email="other@example.com").user.username == NAME


def test_the_case_of_ones_own_name_may_change(service: World) -> None:
    user_id = _register(service).user.id

    assert service.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert service.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert _held_names(service) == {"username#luna"}


def test_nobody_takes_somebody_elses_name(service: World) -> None:
    _register(service)
    other = _register(service, email="other@example.com", name="Stella").user.id

    with pytest.raises(UsernameTakenError):
        service.accounts.rename(other, "lUNA")

    assert service.accounts.profile(other).username == "Stella"
    assert _held_names(service) == {"username#luna", "username#stella"}


def test_a_name_that_is_held_for_a_registration_is_not_taken_by_a_rename(service: World) -> None:
    user_id = _register(service).user.id
    service.usernames.reserve("Stella", service.clock.utc())

    with pytest.raises(UsernameTakenError):
        service.accounts.rename(user_id, "Stella")

    service.clock.advance(_LIFETIME + 1)
    assert service.accounts.rename(user_id, "Stella").username == "Stella"
