"""Profiles and their counters: what a write keeps, and what it refuses once an account is being erased."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dreamvision.database.client import Database
from dreamvision.database.transactions import Transaction, TransactionRefusedError
from dreamvision.schemas.categories import Category
from dreamvision.users.repository import Profile, ProfileRepository, Spending

LUNA = "11111111-1111-4111-8111-111111111111"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def profiles(database: Database) -> ProfileRepository:
    return ProfileRepository(database)


def _count(database: Database, now: datetime, **counts: Any) -> None:
    write = ProfileRepository(database).count_write(LUNA, now, **counts)
    database.transact_write(Transaction().add("profile", write))


def _uncount(database: Database, now: datetime, moment: datetime, **counts: Any) -> None:
    write = ProfileRepository(database).uncount_write(LUNA, now, moment, **counts)
    database.transact_write(Transaction().add("profile", write))


def _get(database: Database) -> Profile:
    return ProfileRepository(database).get(LUNA, consistent=True)


def test_the_first_count_creates_the_profile_and_later_ones_keep_it(
    database: Database, profiles: ProfileRepository
) -> None:
    _count(database, NOW, dreams=1)
    profiles.set_tier(LUNA, "premium", NOW)
    _count(database, LATER, dreams=2, videos=1)
    profile = _get(database)
    assert (profile.created_at, profile.updated_at, profile.subscription_tier) == (NOW, LATER, "premium")
    assert (profile.dreams_count, profile.videos_count) == (3, 1)


def test_a_new_profile_has_the_free_tier_in_its_row(database: Database) -> None:
    _count(database, NOW, dreams=1)
    rows: list[dict[str, Any]] = database.client.scan(TableName=database.names.profiles_table)["Items"]
    (row,) = rows
    assert row["subscription_tier"] == "free"


def test_nothing_is_counted_for_an_account_being_erased(database: Database, profiles: ProfileRepository) -> None:
    _count(database, NOW, dreams=1)
    profiles.mark_erasing(LUNA, NOW)
    before = _get(database)
    with pytest.raises(TransactionRefusedError) as refused:
        _count(database, LATER, videos=1)
    assert refused.value.failed == {"profile"}
    assert _get(database) == before
    # AND what is deleted is still uncounted
    _uncount(database, LATER, NOW, dreams=1)
    assert _get(database).dreams_count == 0


def test_the_erasure_begins_once(database: Database, profiles: ProfileRepository) -> None:
    _count(database, NOW, dreams=1)
    for moment in (NOW, LATER):
        profiles.mark_erasing(LUNA, moment)
        assert _get(database).erasing_since == NOW


def test_marking_a_missing_profile_does_not_create_it(database: Database, profiles: ProfileRepository) -> None:
    profiles.mark_erasing(LUNA, NOW)
    assert database.client.scan(TableName=database.names.profiles_table)["Items"] == []


def test_the_tier_of_a_missing_profile_is_not_set(database: Database, profiles: ProfileRepository) -> None:
    assert not profiles.set_tier(LUNA, "premium", NOW)
    assert database.client.scan(TableName=database.names.profiles_table)["Items"] == []


def test_the_tier_of_an_account_being_erased_is_not_set(database: Database, profiles: ProfileRepository) -> None:
    _count(database, NOW, dreams=1)
    assert profiles.set_tier(LUNA, "premium", NOW)
    profiles.mark_erasing(LUNA, NOW)
    assert not profiles.set_tier(LUNA, "free", LATER)
    assert _get(database).subscription_tier == "premium"


def test_counts_and_costs_of_a_month_are_kept_for_a_year(database: Database) -> None:
    spending = Spending(input_tokens=1, output_tokens=2, credits=3, cost=Decimal(4))
    old = datetime(2025, 11, 30, tzinfo=UTC)
    _count(database, old, dreams=1, videos=1, categories={Category.CHASE: 1}, spending=spending)
    recent = datetime(2025, 12, 1, tzinfo=UTC)
    _count(database, recent, dreams=1, spending=spending)
    assert "n2511" in (_get(database).model_extra or {})
    # WHEN a dream is counted a year later, THEN only the month before the last twelve is removed
    _count(database, NOW, dreams=1)
    kept = _get(database).model_extra or {}
    assert {"n2511", "v2511", "c2511"}.isdisjoint(kept)
    assert {"n2512", "c2512", "n2611"} <= kept.keys()
    # AND a video alone removes nothing
    _count(database, datetime(2026, 12, 1, tzinfo=UTC), videos=1)
    assert "n2512" in (_get(database).model_extra or {})


def test_uncounting_reverts_the_month_while_it_is_shown(database: Database) -> None:
    old, now = datetime(2025, 12, 1, tzinfo=UTC), NOW
    _count(database, old, dreams=2, videos=2)
    _uncount(database, now, old, dreams=1, videos=1)
    assert _get(database).by_month(now)[-1][:3] == ("2025-12", 1, 1)
    # A month later its counters are not shown any more; a negative one would be shown a hundred years later.
    _uncount(database, datetime(2026, 12, 1, tzinfo=UTC), old, dreams=1, videos=1)
    profile = _get(database)
    assert (profile.dreams_count, profile.videos_count) == (0, 0)
    assert (profile.model_extra or {})["n2512"] == 1
