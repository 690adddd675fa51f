"""The record behind ``Idempotency-Key``: claimed once, replayed, resumed after a crash."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from dreamvision.database.client import Database
from dreamvision.limits.idempotency import (
    HOLD_SECONDS,
    LIFETIME_SECONDS,
    Idempotency,
    IdempotencyKeyReusedError,
    RequestInProgressError,
)
from dreamvision.limits.repository import LimitsRepository
from tests.fakes.gateway import USER_ID
from tests.integration.limits.fixtures import Clock, begin
from tests.integration.ministack import guard_items


def test_requests_without_a_key_are_independent(idempotency: Idempotency, ministack: Database) -> None:
    first, second = (idempotency.claim(USER_ID, "analyze", None, "body") for _ in range(2))
    assert first.dream_id != second.dream_id
    for attempt in (first, second):
        idempotency.complete(attempt)
        idempotency.discard(attempt)
        idempotency.release(attempt)
    assert guard_items(ministack) == {}


def test_a_finished_request_is_replayed(idempotency: Idempotency) -> None:
    first = begin(idempotency)
    first.answer = {"status": "200", "nested": {"flag": True}}
    idempotency.complete(first)
    again = begin(idempotency)
    assert again.replayed == {"status": "200", "nested": {"flag": True}}
    assert (again.dream_id, again.job_id) == (first.dream_id, first.job_id)


def test_user_and_route_are_part_of_the_key(idempotency: Idempotency) -> None:
    found = [begin(idempotency), begin(idempotency, user_id="another user"), begin(idempotency, route="video")]
    assert len({attempt.dream_id for attempt in found}) == 3


def test_a_running_request_is_in_progress(idempotency: Idempotency) -> None:
    begin(idempotency)
    with pytest.raises(RequestInProgressError):
        begin(idempotency)


@pytest.mark.parametrize("finished", [True, False])
def test_another_body_with_the_same_key_is_rejected(idempotency: Idempotency, finished: bool) -> None:
    first = begin(idempotency)
    if finished:
        idempotency.complete(first)
    with pytest.raises(IdempotencyKeyReusedError):
        begin(idempotency, body="another")


def test_a_discarded_request_leaves_no_record(idempotency: Idempotency, ministack: Database) -> None:
    first = begin(idempotency)
    idempotency.discard(first)
    assert guard_items(ministack) == {}
    assert begin(idempotency, body="another").dream_id != first.dream_id


def test_a_released_request_is_resumed_at_once(idempotency: Idempotency) -> None:
    first = begin(idempotency)
    idempotency.release(first)
    again = begin(idempotency)
    assert again.resumed
    assert (again.dream_id, again.job_id) == (first.dream_id, first.job_id)
    with pytest.raises(RequestInProgressError):
        begin(idempotency)


def test_a_crashed_request_is_resumed_once_its_hold_has_expired(idempotency: Idempotency, clock: Clock) -> None:
    first = begin(idempotency)
    clock.now += HOLD_SECONDS - 1
    with pytest.raises(RequestInProgressError):
        begin(idempotency)
    clock.now += 1.1
    again = begin(idempotency)
    assert (again.resumed, again.id_seed) == (True, first.id_seed)


def test_a_crashed_request_is_not_resumed_with_another_body(idempotency: Idempotency, clock: Clock) -> None:
    begin(idempotency)
    clock.now += HOLD_SECONDS + 1
    with pytest.raises(IdempotencyKeyReusedError):
        begin(idempotency, body="another")


def test_a_superseded_attempt_changes_nothing(idempotency: Idempotency, clock: Clock) -> None:
    first = begin(idempotency)
    clock.now += HOLD_SECONDS + 1
    second = begin(idempotency)
    idempotency.discard(first)
    idempotency.release(first)
    first.answer = {"from": "the first"}
    idempotency.complete(first)
    with pytest.raises(RequestInProgressError):
        begin(idempotency)
    second.answer = {"from": "the second"}
    idempotency.complete(second)
    assert begin(idempotency).replayed == {"from": "the second"}


def test_a_key_may_be_reused_after_a_day(idempotency: Idempotency, clock: Clock) -> None:
    first = begin(idempotency)
    idempotency.complete(first)
    clock.now += LIFETIME_SECONDS - 1
    assert begin(idempotency).replayed is not None
    clock.now += 2
    again = begin(idempotency, body="another")
    assert (again.replayed, again.resumed) == (None, False)
    assert again.id_seed != first.id_seed


def test_one_of_a_hundred_concurrent_requests_claims_the_key(idempotency: Idempotency) -> None:
    def run(_: int) -> str:
        try:
            return begin(idempotency).id_seed
        except RequestInProgressError:
            return "in progress"

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(run, range(100)))
    assert found.count("in progress") == 99


def test_one_of_fifty_concurrent_requests_resumes(idempotency: Idempotency, clock: Clock) -> None:
    seed = begin(idempotency).id_seed
    clock.now += HOLD_SECONDS + 1

    def run(_: int) -> str:
        try:
            return begin(idempotency).id_seed
        except RequestInProgressError:
            return "in progress"

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(run, range(50)))
    assert sorted(found) == sorted([seed] + ["in progress"] * 49)


def test_a_retried_write_does_not_block_its_own_claim(idempotency: Idempotency, ministack: Database) -> None:
    """boto3 retries a write whose response was lost; the first attempt may have succeeded."""
    client: Any = ministack.client
    update_item: Callable[..., Any] = client.update_item

    class Twice:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def update_item(self, **request: Any) -> Any:
            update_item(**request)
            return update_item(**request)

    again = Idempotency(LimitsRepository(Database(ministack.names, cast(Any, Twice()))))
    assert again.claim(USER_ID, "analyze", "key", "body").id_seed
