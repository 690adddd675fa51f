"""The records of open erasures: what a request that failed may take back, and which ones a sweep sees."""

from datetime import UTC, datetime, timedelta

import pytest

from dreamvision.database.client import Database
from dreamvision.erasure.open_erasures import OpenErasure, OpenErasures
from tests.integration.dreams.fixtures import LUNA, STELLA

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
FIRST = OpenErasure(user_id=LUNA, execution="first")
SECOND = OpenErasure(user_id=LUNA, execution="second")


@pytest.fixture
def records(database: Database) -> OpenErasures:
    return OpenErasures(database)


def _open(records: OpenErasures) -> list[OpenErasure]:
    return list(records.list_before(NOW + timedelta(days=1)))


def test_a_record_is_withdrawn_by_the_request_that_wrote_it(records: OpenErasures) -> None:
    assert records.begin(FIRST, NOW)
    records.withdraw(FIRST)
    assert _open(records) == []
    records.withdraw(FIRST)


def test_a_record_that_another_request_has_started_meanwhile_stays(records: OpenErasures) -> None:
    records.begin(FIRST, NOW)
    assert not records.begin(SECOND, NOW + TICK)
    records.withdraw(FIRST)
    assert _open(records) == [SECOND]


def test_an_erasure_began_with_its_first_request(records: OpenErasures) -> None:
    records.begin(FIRST, NOW)
    records.begin(SECOND, NOW + TICK)
    assert list(records.list_before(NOW)) == []
    assert list(records.list_before(NOW + TICK)) == [SECOND]


def test_the_erasures_of_a_dream_and_of_accounts_are_kept_apart(records: OpenErasures) -> None:
    of_dream = OpenErasure(user_id=LUNA, dream_id="a-dream", execution="dream")
    theirs = OpenErasure(user_id=STELLA, execution="theirs")
    for erasure in (FIRST, of_dream, theirs):
        assert records.begin(erasure, NOW)
    records.end(LUNA)
    assert {erasure.execution for erasure in _open(records)} == {"dream", "theirs"}
    records.end(LUNA, "a-dream")
    assert _open(records) == [theirs]


def test_a_complete_erasure_is_not_opened_again(records: OpenErasures) -> None:
    records.begin(FIRST, NOW)
    assert records.restart(FIRST, "again")
    assert _open(records) == [OpenErasure(user_id=LUNA, execution="again")]
    records.end(LUNA)
    assert not records.restart(FIRST, "again")
    assert _open(records) == []
