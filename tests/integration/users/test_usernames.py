"""Usernames under concurrency: a name is never taken from its owner, and a profile never reset."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dreamvision.core.clock import to_text
from dreamvision.database.client import Database
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError
from dreamvision.schemas.categories import Category
from dreamvision.users.repository import ProfileRepository, Spending
from dreamvision.users.usernames import (
    RESERVATION_LIFETIME,
    ProfileExistsError,
    UsernameReservation,
    Usernames,
    UsernameTakenError,
)

LUNA, STELLA = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + RESERVATION_LIFETIME
TICK = timedelta(milliseconds=1)


def _items(database: Database) -> dict[str, dict[str, Any]]:
    items = database.client.scan(TableName=database.names.profiles_table)["Items"]
    return {str(item["user_id"]): item for item in items}


def _named(database: Database, user_id: str, username: str) -> None:
    usernames = Usernames(database)
    usernames.assign(user_id, f"{user_id}@example.com", usernames.reserve(username, NOW), NOW)


# ---------------------------------------------------------------- reservations


def test_a_reservation_holds_until_its_end(database: Database) -> None:
    usernames = Usernames(database)
    usernames.reserve("Luna", NOW)
    for moment in (NOW, LATER - TICK, LATER):
        with pytest.raises(UsernameTakenError):
            usernames.reserve("lUNA", moment)
    assert usernames.reserve("lUNA", LATER + TICK).username == "lUNA"


def test_an_owned_name_is_never_reserved(database: Database) -> None:
    _named(database, LUNA, "Luna")
    before = _items(database)
    with pytest.raises(UsernameTakenError):
        Usernames(database).reserve("Luna", NOW + timedelta(days=3650))
    assert _items(database) == before


def test_a_released_name_is_free_and_a_lost_one_stays_with_its_holder(database: Database) -> None:
    usernames = Usernames(database)
    mine = usernames.reserve("Luna", NOW)
    theirs = usernames.reserve("Luna", LATER + TICK)
    before = _items(database)

    usernames.release(mine)
    assert _items(database) == before

    usernames.release(theirs)
    usernames.release(theirs)
    assert _items(database) == {}


def test_releasing_an_assigned_name_does_nothing(database: Database) -> None:
    usernames = Usernames(database)
    reservation = usernames.reserve("Luna", NOW)
    usernames.assign(LUNA, "luna@example.com", reservation, NOW)
    before = _items(database)
    usernames.release(reservation)
    assert _items(database) == before


# ---------------------------------------------------------------- assignment


def test_an_assigned_name_has_an_owner_and_no_holder(database: Database) -> None:
    _named(database, LUNA, "Luna")
    assert _items(database)["username#luna"] == {"user_id": "username#luna", "owner_id": LUNA}
    assert Usernames(database).owner("LUNA") == LUNA


@pytest.mark.parametrize("how", ["reserved by another", "owned by another", "expired and gone"])
def test_a_name_whose_reservation_was_lost_is_not_assigned(database: Database, how: str) -> None:
    usernames = Usernames(database)
    mine = usernames.reserve("Luna", NOW)
    theirs = usernames.reserve("Luna", LATER + TICK)
    if how == "owned by another":
        usernames.assign(STELLA, "stella@example.com", theirs, LATER)
    if how == "expired and gone":
        usernames.release(theirs)
    before = _items(database)

    with pytest.raises(UsernameTakenError):
        usernames.assign(LUNA, "luna@example.com", mine, LATER)

    assert _items(database) == before


def test_a_complete_profile_is_not_completed_again(database: Database) -> None:
    _named(database, LUNA, "Luna")
    usernames = Usernames(database)
    second = usernames.reserve("Stella", NOW)
    before = _items(database)

    with pytest.raises(ProfileExistsError):
        usernames.assign(LUNA, "other@example.com", second, LATER)

    assert _items(database) == before


def test_completing_a_profile_keeps_what_is_there(database: Database) -> None:
    """A user may have dreams, a tier and costs before the profile has a name."""
    profiles, usernames = ProfileRepository(database), Usernames(database)
    spending = Spending(input_tokens=5, output_tokens=6, credits=7, cost=Decimal(8))
    write = profiles.count_write(LUNA, NOW, dreams=3, videos=2, categories={Category.CHASE: 3}, spending=spending)
    database.transact_write(Transaction().add("profile", write))
    profiles.set_tier(LUNA, "premium", NOW)
    before = _items(database)[LUNA]

    usernames.assign(LUNA, "luna@example.com", usernames.reserve("Luna", LATER), LATER)

    after = _items(database)[LUNA]
    assert (after.pop("username"), after.pop("email")) == ("Luna", "luna@example.com")
    assert after == before | {"updated_at": "2026-11-23T12:01:00.000Z"}


def test_a_new_profile_is_complete(database: Database) -> None:
    _named(database, LUNA, "Luna")
    assert _items(database)[LUNA] == {
        "user_id": LUNA,
        "username": "Luna",
        "email": f"{LUNA}@example.com",
        "subscription_tier": "free",
        "dreams_count": 0,
        "videos_count": 0,
        "created_at": "2026-11-23T12:00:00.000Z",
        "updated_at": "2026-11-23T12:00:00.000Z",
    }


# ---------------------------------------------------------------- renaming


def test_a_rename_moves_the_name(database: Database) -> None:
    _named(database, LUNA, "Luna")
    Usernames(database).rename(LUNA, "Luna", "Stella", LATER)
    found = _items(database)
    assert found.keys() == {LUNA, "username#stella"}
    assert (found[LUNA]["username"], found["username#stella"]["owner_id"]) == ("Stella", LUNA)
    assert found[LUNA]["updated_at"] == to_text(LATER)


def test_a_rename_from_another_name_changes_nothing(database: Database) -> None:
    """Two requests of one user: the second one has read the name before the first one changed it."""
    _named(database, LUNA, "Luna")
    usernames = Usernames(database)
    usernames.rename(LUNA, "Luna", "Moon", NOW)
    before = _items(database)
    for new in ("Stella", "LUNA"):
        with pytest.raises(ContentionError):
            usernames.rename(LUNA, "Luna", new, LATER)
        assert _items(database) == before


@pytest.mark.parametrize("owned", [False, True], ids=["reserved", "owned"])
def test_a_rename_does_not_take_the_name_of_another(database: Database, owned: bool) -> None:
    _named(database, LUNA, "Luna")
    if owned:
        _named(database, STELLA, "Stella")
    else:
        Usernames(database).reserve("Stella", NOW)
    before = _items(database)

    with pytest.raises(UsernameTakenError):
        Usernames(database).rename(LUNA, "Luna", "sTELLA", LATER)

    assert _items(database) == before
    if not owned:
        Usernames(database).rename(LUNA, "Luna", "sTELLA", LATER + TICK)


def _with_a_name_of_another(database: Database) -> None:
    """Let Luna's profile have a name whose item belongs to Stella. No request can lead to this."""
    _named(database, STELLA, "Moon")
    _named(database, LUNA, "Luna")
    database.client.update_item(
        TableName=database.names.profiles_table,
        Key={"user_id": LUNA},
        UpdateExpression="SET username = :moon",
        ExpressionAttributeValues={":moon": "Moon"},
    )


def test_a_rename_does_not_free_the_name_of_another(database: Database) -> None:
    _with_a_name_of_another(database)
    before = _items(database)
    with pytest.raises(UsernameTakenError):
        Usernames(database).rename(LUNA, "Moon", "Sun", NOW)
    assert _items(database) == before


# ---------------------------------------------------------------- deletion


def test_deleting_a_profile_frees_its_name_and_no_other(database: Database) -> None:
    _named(database, LUNA, "Luna")
    _named(database, STELLA, "Stella")
    for _ in range(2):
        Usernames(database).delete_profile(LUNA)
        assert _items(database).keys() == {STELLA, "username#stella"}


def test_deleting_a_profile_does_not_free_the_name_of_another(database: Database) -> None:
    _with_a_name_of_another(database)
    before = _items(database)
    with pytest.raises(TransactionRefusedError):
        Usernames(database).delete_profile(LUNA)
    assert _items(database) == before


def test_a_profile_whose_name_is_gone_is_deleted(database: Database) -> None:
    _named(database, LUNA, "Luna")
    key = {"user_id": "username#luna"}
    database.client.delete_item(TableName=database.names.profiles_table, Key=key)
    Usernames(database).delete_profile(LUNA)
    assert _items(database) == {}


def test_an_unknown_reservation_assigns_nothing(database: Database) -> None:
    with pytest.raises(UsernameTakenError):
        Usernames(database).assign(LUNA, "luna@example.com", UsernameReservation("Luna", "a token"), NOW)
    assert _items(database) == {}
