"""Video quotas: exact under concurrency, and released if nothing was spent."""

import random
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.database.transactions import ContentionError
from dreamvision.dreams.repository import DreamNotFoundError
from dreamvision.limits.quotas import (
    SERVICE_SHARDS,
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    VideoQuotaExceededError,
    day_of,
)
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.service import VideoServiceSettings
from tests.fakes.contended_tables import ContendedTables
from tests.fakes.gateway import USER_ID
from tests.integration.limits.fixtures import DREAM, PLENTY, QuotaBackend, in_parallel
from tests.integration.ministack import guard_items
from tests.permissions.running import running_as

pytestmark = pytest.mark.usefixtures("noon")

# ---------------------------------------------------------------- limits


def test_a_free_user_may_run_two_videos_at_once_and_five_a_day(backend: QuotaBackend) -> None:
    first, _ = backend.create_video(), backend.create_video()
    with pytest.raises(TooManyRunningVideosError) as running:
        backend.create_video()
    assert running.value.retry_after_seconds == 30
    assert backend.reservations == (2, 2, 2)

    made = [first]
    for _ in range(3):
        spent(backend, made[-1])
        made.append(backend.create_video())
    spent(backend, made[-1])
    with pytest.raises(VideoQuotaExceededError) as exceeded:
        backend.create_video()
    assert 1 <= (exceeded.value.retry_after_seconds or 0) <= 86_400
    assert backend.reservations == (5, 1, 5)


def spent(backend: QuotaBackend, video: VideoRecord) -> None:
    """Let the video fail after its render was paid."""
    backend.complete_analysis(video)
    backend.start_render(video)
    backend.record_failure(video)


def test_a_premium_user_may_run_five_videos_at_once(backend: QuotaBackend) -> None:
    backend.database.client.put_item(
        TableName=backend.database.names.profiles_table, Item={"user_id": USER_ID, "subscription_tier": "premium"}
    )
    for _ in range(5):
        backend.create_video()
    with pytest.raises(TooManyRunningVideosError):
        backend.create_video()


def test_the_daily_quota_resets_with_the_day(ministack: Database) -> None:
    backend = QuotaBackend(ministack, free_videos_per_day=1)
    backend.create_video()
    limits = VideoServiceSettings(poll_first_wait=1, free_videos_per_day=1).of_tier("free")
    tomorrow = utc_now() + timedelta(days=1)
    video = backend.videos.add_with_dream(USER_ID, new_id(), new_id(), DREAM, 5, tomorrow, limits)
    assert video.quota_day == day_of(tomorrow)
    # AND a release applies to the day of the reservation
    backend.record_failure(video)
    days = {guard: item["videos"] for guard, item in guard_items(ministack).items() if guard.startswith("quota#day#")}
    assert days == {
        f"quota#day#{USER_ID}#{day_of(utc_now())}": Decimal(1),
        f"quota#day#{USER_ID}#{day_of(tomorrow)}": Decimal(0),
    }


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"free_videos_per_day": 0}, VideoQuotaExceededError),
        ({"free_concurrent_videos": 0}, TooManyRunningVideosError),
        ({"service_videos_per_day": 0}, ServiceQuotaExceededError),
    ],
)
def test_a_quota_of_zero_rejects_every_video(
    ministack: Database, settings: dict[str, int], error: type[Exception]
) -> None:
    backend = QuotaBackend(ministack, **settings)
    with pytest.raises(error):
        backend.create_video()
    assert backend.reservations == (0, 0, 0)


def test_a_rejected_request_writes_nothing(ministack: Database) -> None:
    backend = QuotaBackend(ministack, free_concurrent_videos=1)
    backend.create_video()
    before = rows(ministack)
    with pytest.raises(TooManyRunningVideosError):
        backend.create_video()
    assert rows(ministack) == before


def rows(database: Database) -> list[list[dict[str, Any]]]:
    names = database.names
    tables = (names.dreams_table, names.videos_table, names.profiles_table, names.guards_table)
    return [sorted(database.client.scan(TableName=table)["Items"], key=str) for table in tables]


def test_an_unknown_dream_is_reported_before_the_quota(ministack: Database) -> None:
    backend = QuotaBackend(ministack, free_videos_per_day=0)
    with pytest.raises(DreamNotFoundError):
        backend.service.create(USER_ID, new_id(), 5)


def test_a_further_video_of_a_dream_counts(backend: QuotaBackend) -> None:
    first = backend.create_video()
    backend.complete_analysis(first)
    backend.service.create(USER_ID, first.dream_id, 5)
    assert backend.reservations == (2, 2, 2)
    with pytest.raises(TooManyRunningVideosError):
        backend.service.create(USER_ID, first.dream_id, 5)


# ---------------------------------------------------------------- concurrency


def test_two_of_fifty_concurrent_requests_of_a_user_pass(backend: QuotaBackend) -> None:
    results = in_parallel(backend.create_video, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 2
    assert {type(result) for result in results} == {VideoRecord, TooManyRunningVideosError}
    assert backend.reservations == (2, 2, 2)
    assert len(backend.states.started) == 2


def test_concurrent_requests_of_a_user_stop_at_the_daily_quota(ministack: Database) -> None:
    backend = QuotaBackend(ministack, free_concurrent_videos=100)
    results = in_parallel(backend.create_video, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 5
    assert backend.reservations == (5, 5, 5)


@pytest.mark.parametrize("ceiling", [3, 20])
def test_concurrent_requests_of_many_users_stop_at_the_service_quota(ministack: Database, ceiling: int) -> None:
    backend = QuotaBackend(ministack, service_videos_per_day=ceiling, premium_reserve=0)
    results = in_parallel(lambda: backend.create_video(new_id()), 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == ceiling
    assert {type(result) for result in results} == {VideoRecord, ServiceQuotaExceededError}
    assert backend.reservations == (ceiling, ceiling, ceiling)


def test_released_reservations_are_available_again(ministack: Database) -> None:
    backend = QuotaBackend(ministack, **(PLENTY | {"service_videos_per_day": 10, "premium_reserve": 0}))
    videos = [backend.create_video() for _ in range(10)]
    with running_as("ApiDreams"), pytest.raises(ServiceQuotaExceededError):
        backend.create_video()
    backend.complete_analysis(videos[0])
    with running_as("ApiVideos"), pytest.raises(ServiceQuotaExceededError):
        backend.service.create(USER_ID, videos[0].dream_id, 5)
    random.Random(1).shuffle(videos)
    for video in videos[:4]:
        backend.record_failure(video)
    assert [type(backend.create_video()) for _ in range(4)] == [VideoRecord] * 4
    with pytest.raises(ServiceQuotaExceededError):
        backend.create_video()


def test_fifty_concurrent_users_do_not_contend(ministack: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions take 10 ms and conflict on shared items.

    Measured: with one item for the service's count, 190 conflicts and a quarter of the requests rejected as busy; with
    eight items, 20 conflicts and none rejected.
    """
    conflicts, rejected = {}, {}
    for shards in (SERVICE_SHARDS, 1):
        for module in ("limits.quotas", "limits.repository"):
            monkeypatch.setattr(f"dreamvision.{module}.SERVICE_SHARDS", shards)
        contended = ContendedTables(ministack.client, seconds=0.01)
        backend = QuotaBackend(Database(ministack.names, cast(Any, contended)))
        results = in_parallel(lambda backend=backend: backend.create_video(new_id()), 50)  # type: ignore[misc]
        conflicts[shards] = contended.conflicts
        rejected[shards] = sum(isinstance(result, ContentionError) for result in results)
        assert {type(result) for result in results} <= {VideoRecord, ContentionError}
    assert conflicts[SERVICE_SHARDS] < conflicts[1]
    # A busy machine stretches the 10 ms.
    assert rejected[SERVICE_SHARDS] <= min(2, rejected[1])


def test_quota_items_expire_after_the_day(backend: QuotaBackend) -> None:
    backend.create_video()
    for item in guard_items(backend.database).values():
        assert int(item["expires_at"]) - time.time() > 2 * 86_400
