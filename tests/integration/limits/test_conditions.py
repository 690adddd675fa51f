"""The conditions of the guards table at their edges: ends of windows and holds, limits of 0, expiry, stale reads."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from dreamvision.database.client import Database
from dreamvision.database.transactions import Transaction, TransactionRefusedError
from dreamvision.limits.idempotency import Idempotency, IdempotencyKeyReusedError, RequestInProgressError
from dreamvision.limits.quotas import QuotaReservation, VideoLimits
from dreamvision.limits.repository import LimitsRepository, RequestRecord
from dreamvision.limits.spending import SpendingShard, Spent
from tests.fakes.gateway import USER_ID
from tests.integration.ministack import guard_items

DAY = 24 * 3600
HOLD = 35
NOW = 1_800_000_000
NOW_MS = NOW * 1000
MINUTE_MS = 60_000
WINDOW = "rate#analyze#user"
KEY = "request#digest"


@pytest.fixture
def limits(database: Database) -> LimitsRepository:
    return LimitsRepository(database)


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


class Interposed:
    """A DynamoDB client in which something happens before one operation, or which answers it itself."""

    def __init__(self, client: Any, operation: str, act: Callable[..., Any]) -> None:
        self._client = client
        self._operation = operation
        self._act = act

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name != self._operation:
            return real
        return lambda **request: self._act(real, request)


def _on(database: Database, operation: str, act: Callable[..., Any]) -> LimitsRepository:
    return LimitsRepository(Database(database.names, cast(Any, Interposed(database.client, operation, act))))


def _put(database: Database, **item: Any) -> None:
    database.client.put_item(TableName=database.names.guards_table, Item=item)


def _item(database: Database, guard: str) -> dict[str, Any]:
    return guard_items(database)[guard]


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("taken", [1, 2])
def test_a_window_has_ended_at_its_end(limits: LimitsRepository, taken: int) -> None:
    for _ in range(taken):
        limits.count(WINDOW, 2, MINUTE_MS, NOW_MS)
    assert limits.count(WINDOW, 2, MINUTE_MS, NOW_MS + MINUTE_MS - 1).taken == 2
    assert limits.count(WINDOW, 2, MINUTE_MS, NOW_MS + MINUTE_MS) == (True, 1, NOW_MS + 2 * MINUTE_MS)


def test_a_window_expires_a_minute_after_its_end(limits: LimitsRepository, database: Database) -> None:
    limits.count(WINDOW, 2, MINUTE_MS, NOW_MS)
    assert _item(database, WINDOW)["expires_at"] == NOW + 60 + 60


def test_a_read_that_is_stale_does_not_decide(limits: LimitsRepository, database: Database) -> None:
    """The window that a read still shows has ended, or is full."""
    limits.count(WINDOW, 3, MINUTE_MS, NOW_MS - MINUTE_MS)
    stale = {"guard": WINDOW, "taken": 1, "ends_at": NOW_MS + 1, "expires_at": NOW}
    reader = _on(database, "get_item", lambda *_: {"Item": stale})
    assert reader.count(WINDOW, 3, MINUTE_MS, NOW_MS) == (True, 1, NOW_MS + MINUTE_MS)
    for taken in (2, 3):
        assert reader.count(WINDOW, 3, MINUTE_MS, NOW_MS) == (True, taken, NOW_MS + MINUTE_MS)
    assert reader.count(WINDOW, 3, MINUTE_MS, NOW_MS) == (False, 3, NOW_MS + MINUTE_MS)


def test_a_read_that_misses_a_window_does_not_restart_it(limits: LimitsRepository, database: Database) -> None:
    limits.count(WINDOW, 2, MINUTE_MS, NOW_MS)
    reader = _on(database, "get_item", lambda *_: {})
    assert reader.count(WINDOW, 2, MINUTE_MS, NOW_MS + 1) == (True, 2, NOW_MS + MINUTE_MS)
    assert reader.count(WINDOW, 2, MINUTE_MS, NOW_MS + 1) == (False, 2, NOW_MS + MINUTE_MS)


# ---------------------------------------------------------------- quotas

RESERVATION = QuotaReservation("2027-01-15", 0)


AMPLE = VideoLimits(per_day=9, concurrent=9, service_per_day=800)


def _reserve(database: Database, limits: VideoLimits) -> None:
    writes = LimitsRepository(database).reserve_writes(USER_ID, RESERVATION, limits, NOW)
    database.transact_write(Transaction().add_all(writes))


def _release(database: Database) -> None:
    limits = LimitsRepository(database)
    writes = limits.release_concurrent_writes(USER_ID) | limits.release_daily_writes(USER_ID, RESERVATION)
    database.transact_write(Transaction().add_all(writes))


@pytest.mark.parametrize("released", [True, False])
@pytest.mark.parametrize(
    ("name", "field"), [("daily", "per_day"), ("concurrent", "concurrent"), ("service", "service_per_day")]
)
def test_a_limit_of_zero_lets_nothing_through(database: Database, name: str, field: str, released: bool) -> None:
    """Not even where a counter exists and is 0."""
    if released:
        _reserve(database, AMPLE)
        _release(database)
    with pytest.raises(TransactionRefusedError) as refused:
        _reserve(database, AMPLE._replace(**{field: 0}))
    assert refused.value.failed == {name}


@pytest.mark.parametrize(
    ("name", "field"), [("daily", "per_day"), ("concurrent", "concurrent"), ("service", "service_per_day")]
)
def test_a_limit_of_one_lets_one_through(database: Database, name: str, field: str) -> None:
    limits = AMPLE._replace(**{field: 1})
    _reserve(database, limits)
    with pytest.raises(TransactionRefusedError) as refused:
        _reserve(database, limits)
    assert refused.value.failed == {name}
    _release(database)
    _reserve(database, limits)


def test_a_counter_is_never_negative(database: Database) -> None:
    _reserve(database, AMPLE)
    _release(database)
    with pytest.raises(TransactionRefusedError) as refused:
        _release(database)
    assert refused.value.failed == {"daily", "concurrent", "service"}
    assert {int(item["videos"]) for item in guard_items(database).values()} == {0}


def test_a_reservation_lasts_three_days(database: Database) -> None:
    _reserve(database, AMPLE)
    assert {int(item["expires_at"]) for item in guard_items(database).values()} == {NOW + 3 * DAY}


def test_a_counter_has_only_what_was_spent(database: Database) -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    limits = LimitsRepository(database)
    write = limits.spending_write(SpendingShard("2027-01-15", 0), Spent(claude=Decimal(7)), now)
    database.transact_write(Transaction().add("spending", write))
    assert _only(database) == {"guard": "spending#2027-01-15#0", "claude": 7, "expires_at": NOW + 400 * DAY}


# ---------------------------------------------------------------- requests with an idempotency key


def _idempotency(database: Database, clock: Clock) -> Idempotency:
    return Idempotency(LimitsRepository(database), clock)


def _claim(database: Database, clock: Clock, body: str = "body") -> Any:
    return _idempotency(database, clock).claim(USER_ID, "analyze", "key", body)


def _only(database: Database) -> dict[str, Any]:
    (item,) = guard_items(database).values()
    return item


def test_a_record_lives_for_a_day_after_its_response_was_stored(database: Database) -> None:
    clock = Clock()
    request = _claim(database, clock)
    assert _only(database)["expires_at"] == NOW + DAY
    clock.now += 20
    _idempotency(database, clock).complete(request)
    assert _only(database)["expires_at"] == NOW + 20 + DAY
    assert not {"held_by", "held_until"} & set(_only(database))


def test_a_resumed_request_lives_for_a_day_from_then(database: Database) -> None:
    clock = Clock()
    _claim(database, clock)
    clock.now += HOLD
    assert _claim(database, clock).resumed
    assert _only(database)["expires_at"] == NOW + HOLD + DAY


def test_a_hold_ends_after_35_seconds(database: Database) -> None:
    clock = Clock()
    _claim(database, clock)
    clock.now += HOLD - 0.001
    with pytest.raises(RequestInProgressError):
        _claim(database, clock)
    clock.now += 0.001
    assert _claim(database, clock).resumed


@pytest.mark.parametrize("completed", [True, False])
def test_a_key_may_be_reused_after_exactly_a_day(database: Database, completed: bool) -> None:
    clock = Clock()
    request = _claim(database, clock)
    if completed:
        _idempotency(database, clock).complete(request)
    clock.now += DAY - 1
    with pytest.raises(IdempotencyKeyReusedError):
        _claim(database, clock, "another body")
    clock.now += 1
    again = _claim(database, clock, "another body")
    assert (again.replayed, again.resumed) == (None, False)
    assert again.id_seed != request.id_seed


def test_a_completed_request_is_never_held_again(database: Database) -> None:
    """Whatever else its record says."""
    stored = {"seed": "a seed", "fingerprint": "of the body", "tries": 1, "answer": {"status": "200"}}
    _put(database, guard=KEY, expires_at=NOW + DAY, held_by="another run", held_until=1, **stored)
    record = RequestRecord("another seed", "of the body", 0, None)
    claim = LimitsRepository(database).claim(KEY, record, "this run", NOW_MS, NOW_MS + 1000, NOW + DAY)
    assert (claim.held, claim.record.answer, claim.record.id_seed) == (False, {"status": "200"}, "a seed")


def test_a_record_that_was_renewed_meanwhile_is_not_deleted(database: Database) -> None:
    """Two runs find the same expired record; the slower one deletes nothing of the faster one's."""
    clock = Clock()
    _claim(database, clock)
    clock.now += DAY
    faster: list[Any] = []

    def overtaken(delete: Callable[..., Any], request: dict[str, Any]) -> Any:
        if not faster:
            faster.append(_claim(database, clock, "another body"))
        return delete(**request)

    slower = Idempotency(_on(database, "delete_item", overtaken), clock)
    with pytest.raises(RequestInProgressError):
        slower.claim(USER_ID, "analyze", "key", "another body")
    assert _only(database)["held_by"] == faster[0].owner
