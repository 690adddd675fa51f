"""Profiles made on first use, and changes of the username."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.database.transactions import Transaction
from dreamvision.users.usernames import UsernameTakenError
from tests.integration.auth.fixtures import (
    EMAIL,
    NAME,
    PASSWORD,
    RESERVATION_SECONDS,
    AccountBackend,
    held_usernames,
    register,
)


def test_a_missing_profile_is_made_and_keeps_the_counters(backend: AccountBackend) -> None:
    # GIVEN a user whom an administrator made, and who has told a dream already
    user = backend.cognito.add_user("Admin.Made@Example.com", PASSWORD)
    write = backend.profiles.count_write(user.sub, backend.clock.utc(), dreams=3)
    backend.database.transact_write(Transaction().add("profile", write))

    profile = backend.accounts.profile(user.sub)

    assert profile.username.startswith("dreamer-")
    assert (profile.email, profile.dreams_count) == ("admin.made@example.com", 3)
    assert backend.accounts.profile(user.sub) == profile


def test_many_first_requests_at_once_make_one_profile(backend: AccountBackend) -> None:
    user = backend.cognito.add_user(EMAIL, PASSWORD)

    with ThreadPoolExecutor(10) as clients:
        names = {profile.username for profile in clients.map(lambda _: backend.accounts.profile(user.sub), range(10))}

    assert len(names) == 1
    assert held_usernames(backend) == {f"username#{names.pop()}"}


def test_a_removed_user_has_no_profile(backend: AccountBackend) -> None:
    with pytest.raises(UnauthenticatedError):
        backend.accounts.profile("6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11")


def test_renaming_frees_the_old_name(backend: AccountBackend) -> None:
    user_id = register(backend).user.id

    assert backend.accounts.rename(user_id, "Stella").username == "Stella"

    assert held_usernames(backend) == {"username#stella"}
    assert register(backend, email="other@example.com").user.username == NAME


def test_the_case_of_ones_own_name_may_change(backend: AccountBackend) -> None:
    user_id = register(backend).user.id

    assert backend.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert backend.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert held_usernames(backend) == {"username#luna"}


def test_nobody_takes_somebody_elses_name(backend: AccountBackend) -> None:
    register(backend)
    other = register(backend, email="other@example.com", name="Stella").user.id

    with pytest.raises(UsernameTakenError):
        backend.accounts.rename(other, "lUNA")

    assert backend.accounts.profile(other).username == "Stella"
    assert held_usernames(backend) == {"username#luna", "username#stella"}


def test_a_name_that_is_held_for_a_registration_is_not_taken_by_a_rename(backend: AccountBackend) -> None:
    user_id = register(backend).user.id
    backend.usernames.reserve("Stella", backend.clock.utc())

    with pytest.raises(UsernameTakenError):
        backend.accounts.rename(user_id, "Stella")

    backend.clock.advance(RESERVATION_SECONDS + 1)
    assert backend.accounts.rename(user_id, "Stella").username == "Stella"
