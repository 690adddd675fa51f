"""Windows of a minute: exact under concurrency, and enforced by the routes."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.database.transactions import Transaction
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.uploads import Uploads
from dreamvision.limits.rate_limits import RateLimits, RateSettings, Scope
from dreamvision.limits.repository import LimitsRepository
from tests.conftest import load_function
from tests.fakes.aws import Capacity
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.gateway import USER_ID, Answer, send
from tests.integration.ministack import guard_items

DREAM = "I was flying over a dark forest with twisted trees"


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def limits(database: Database, clock: Clock | None = None, **settings: int) -> RateLimits:
    return RateLimits(LimitsRepository(database), RateSettings(**settings), clock or Clock())


# ---------------------------------------------------------------- windows


def test_ten_of_a_hundred_concurrent_requests_pass(ministack: Database) -> None:
    found = limits(ministack)
    with ThreadPoolExecutor(100) as pool:
        windows = list(pool.map(lambda _: found.count_user(Scope.ANALYZE, USER_ID), range(100)))
    assert sum(window.allowed for window in windows) == 10
    assert sorted(window.remaining for window in windows if window.allowed) == list(range(10))
    assert {window.remaining for window in windows if not window.allowed} == {0}


def test_a_window_starts_with_its_first_request_and_lasts_a_minute(ministack: Database) -> None:
    clock = Clock()
    found = limits(ministack, clock, rate_limit_per_minute=2)
    begin = clock.now
    assert found.count_user(Scope.VIDEO, USER_ID) == (Scope.VIDEO, True, 2, 1, 60)
    clock.now = begin + 59
    assert found.count_user(Scope.VIDEO, USER_ID) == (Scope.VIDEO, True, 2, 0, 1)
    # a rejected request neither counts nor extends the window
    assert found.count_user(Scope.VIDEO, USER_ID) == (Scope.VIDEO, False, 2, 0, 1)
    clock.now = begin + 60.01
    assert found.count_user(Scope.VIDEO, USER_ID) == (Scope.VIDEO, True, 2, 1, 60)


def test_ten_of_a_hundred_requests_pass_in_the_next_window(ministack: Database) -> None:
    clock = Clock()
    found = limits(ministack, clock)
    for _ in range(10):
        found.count_user(Scope.ANALYZE, USER_ID)
    clock.now += 61
    with ThreadPoolExecutor(100) as pool:
        windows = list(pool.map(lambda _: found.count_user(Scope.ANALYZE, USER_ID), range(100)))
    assert sum(window.allowed for window in windows) == 10


def test_users_and_routes_have_separate_windows(ministack: Database) -> None:
    found = limits(ministack, rate_limit_per_minute=1)
    assert found.count_user(Scope.ANALYZE, "a").allowed
    assert found.count_user(Scope.ANALYZE, "b").allowed
    assert found.count_user(Scope.VIDEO, "a").allowed
    assert not found.count_user(Scope.ANALYZE, "a").allowed


def test_a_flood_costs_no_writes(ministack: Database) -> None:
    found = limits(ministack, rate_limit_per_minute=1)
    found.count_user(Scope.ANALYZE, USER_ID)
    capacity = Capacity(ministack)
    found.count_user(Scope.ANALYZE, USER_ID)
    assert (capacity.write_units, capacity.read_units) == (0, 0.5)


def test_a_window_has_an_expiry(ministack: Database) -> None:
    limits(ministack).count_user(Scope.ANALYZE, USER_ID)
    (item,) = guard_items(ministack).values()
    assert 60 <= int(item["expires_at"]) - time.time() <= 180


# ---------------------------------------------------------------- routes


@pytest.fixture
def analyze(ministack: Database, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_function("api/analyze_dream")
    monkeypatch.setattr(module, "configured_analyzer", lambda: FakeAnalyzer())
    return module


def idempotency(function: ModuleType, sample: str, count: int, **options: Any) -> Iterator[Answer]:
    for _ in range(count):
        yield send(function, sample, **options)


def test_the_eleventh_analysis_in_a_minute_is_rejected(analyze: ModuleType, ministack: Database) -> None:
    answers = list(idempotency(analyze, "post-dreams-analyze", 11, body={"dream_text": DREAM}))
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == [f"r={n}" for n in range(9, -1, -1)] + [
        "r=0"
    ]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"analyze";q=10;w=60'}
    refused = answers[-1]
    assert refused.code == "rate_limited"
    assert refused.headers["Content-Type"] == "application/problem+json"
    reset = re.fullmatch(r'"analyze";r=0;t=(\d+)', refused.headers["RateLimit"])
    assert reset is not None
    assert refused.headers["Retry-After"] == reset[1]
    assert 1 <= int(reset[1]) <= 60
    # AND another user is not rejected
    assert send(analyze, "post-dreams-analyze", {"dream_text": DREAM}, user_id="another-user").status == 200


def test_the_eleventh_upload_in_a_minute_is_rejected(ministack: Database) -> None:
    Uploads.shared.cache_clear()
    storage, dream_id = load_function("api/uploads"), new_id()
    row = DreamRepository(ministack).row(USER_ID, dream_id, DREAM, utc_now())
    ministack.transact_write(Transaction().add("dream", DreamRepository(ministack).put_write(row)))
    body = {"dream_id": dream_id, "content_type": "image/png"}
    answers = list(idempotency(storage, "post-storage-thumbnails", 11, body=body))
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"upload";q=10;w=60'}
    # AND each form has its own key in the caller's folder
    keys = [answer.body["fields"]["key"] for answer in answers[:10]]
    assert len(set(keys)) == 10
    assert all(key.startswith(f"uploads/{USER_ID}/{dream_id}/") for key in keys)


@pytest.mark.parametrize(
    "body", [{"dream_text": "short"}, {"dream_text": DREAM, "user_id": "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"}, []]
)
def test_an_invalid_request_does_not_count(analyze: ModuleType, ministack: Database, body: object) -> None:
    answer = send(analyze, "post-dreams-analyze", body)
    assert answer.status in (400, 422)
    assert guard_items(ministack) == {}
    assert "RateLimit" not in answer.headers


def test_rate_limit_headers_do_not_leak_into_the_next_response(analyze: ModuleType) -> None:
    assert "RateLimit" in send(analyze, "post-dreams-analyze", {"dream_text": DREAM}).headers
    assert "RateLimit" not in send(analyze, "post-dreams-analyze", {"dream_text": "short"}).headers


def test_a_failed_analysis_has_rate_limit_headers(analyze: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from dreamvision.analysis.errors import DreamRefusedError

    monkeypatch.setattr(analyze, "configured_analyzer", lambda: FakeAnalyzer(DreamRefusedError()))
    answer = send(analyze, "post-dreams-analyze", {"dream_text": DREAM})
    assert (answer.status, answer.code) == (422, "dream_refused")
    assert answer.headers["RateLimit"].startswith('"analyze";r=9;')
