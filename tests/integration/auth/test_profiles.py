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


def test_a_missing_profile_is_created_and_keeps_the_counters(backend: AccountBackend) -> None:
    # GIVEN a user created by an administrator, who has created dreams already
    user = backend.cognito.add_user("Admin.Made@Example.com", PASSWORD)
    write = backend.profiles.count_write(user.sub, backend.clock.utc(), dreams=3)
    backend.database.transact_write(Transaction().add("profile", write))

    profile = backend.accounts.profile(user.sub)

    assert profile.username.startswith("dreamer-")
    assert (profile.email, profile.dreams_count) == ("admin.made@example.com", 3)
    assert backend.accounts.profile(user.sub) == profile


def test_concurrent_first_requests_create_one_profile(backend: AccountBackend) -> None:
    user = backend.cognito.add_user(EMAIL, PASSWORD)

    with ThreadPoolExecutor(10) as clients:
        names = {profile.username for profile in clients.map(lambda _: backend.accounts.profile(user.sub), range(10))}

    assert len(names) == 1
    assert held_usernames(backend) == {f"username#{names.pop()}"}


def test_a_deleted_user_has_no_profile(backend: AccountBackend) -> None:
    with pytest.raises(UnauthenticatedError):
        backend.accounts.profile("6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11")


def test_renaming_releases_the_old_username(backend: AccountBackend) -> None:
    user_id = register(backend).user.id

    assert backend.accounts.rename(user_id, "Stella").username == "Stella"

    assert held_usernames(backend) == {"username#stella"}
    assert register(backend, email="other@example.com").user.username == NAME


def test_a_user_may_change_the_case_of_their_username(backend: AccountBackend) -> None:
    user_id = register(backend).user.id

    assert backend.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert backend.accounts.rename(user_id, "LUNA").username == "LUNA"
    assert held_usernames(backend) == {"username#luna"}


def test_renaming_to_a_taken_username_is_rejected(backend: AccountBackend) -> None:
    register(backend)
    other = register(backend, email="other@example.com", name="Stella").user.id

    with pytest.raises(UsernameTakenError):
        backend.accounts.rename(other, "lUNA")

    assert backend.accounts.profile(other).username == "Stella"
    assert held_usernames(backend) == {"username#luna", "username#stella"}


def test_renaming_to_a_reserved_username_is_rejected(backend: AccountBackend) -> None:
    user_id = register(backend).user.id
    backend.usernames.reserve("Stella", backend.clock.utc())

    with pytest.raises(UsernameTakenError):
        backend.accounts.rename(user_id, "Stella")

    backend.clock.advance(RESERVATION_SECONDS + 1)
    assert backend.accounts.rename(user_id, "Stella").username == "Stella"
