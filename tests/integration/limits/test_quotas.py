"""Quotas of videos: exact under concurrency, and given back when nothing was spent."""

import random
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
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
from tests.integration.emulator import guards
from tests.integration.limits.fixtures import DREAM, PLENTY, World, in_parallel


@pytest.fixture
def world(emulated: Database) -> World:
    return World(emulated)


# ---------------------------------------------------------------- the numbers


def test_a_free_user_has_two_videos_at_a_time_and_five_a_day(world: World) -> None:
    first, _ = world.film(), world.film()
    with pytest.raises(TooManyRunningVideosError) as running:
        world.film()
    assert running.value.retry_after_seconds == 30
    assert world.counts == (2, 2, 2)

    made = [first]
    for _ in range(3):
        spent(world, made[-1])
        made.append(world.film())
    spent(world, made[-1])
    with pytest.raises(VideoQuotaExceededError) as exceeded:
        world.film()
    assert 1 <= exceeded.value.retry_after_seconds <= 86_400
    assert world.counts == (5, 1, 5)


def spent(world: World, video: VideoRecord) -> None:
    """The video was paid for and failed."""
    world.analyzed(video)
    world.render(video)
    world.fail(video)


def test_a_premium_user_has_five_at_a_time(world: World) -> None:
    world.database.client.put_item(
        TableName=world.database.names.profiles_table, Item={"user_id": USER_ID, "subscription_tier": "premium"}
    )
    for _ in range(5):
        world.film()
    with pytest.raises(TooManyRunningVideosError):
        world.film()


def test_a_new_day_has_new_videos(emulated: Database) -> None:
    world = World(emulated, free_videos_per_day=1)
    world.film()
    limits = VideoServiceSettings(poll_first_wait=1, free_videos_per_day=1).of_tier("free")
    tomorrow = utc_now() + timedelta(days=1)
    video = world.videos.add_with_dream(USER_ID, new_id(), new_id(), DREAM, 5, tomorrow, limits)
    assert video.quota_day == day_of(tomorrow)
    # AND what is given back is given back to the day it was counted on
    world.fail(video)
    days = {guard: item["videos"] for guard, item in guards(emulated).items() if guard.startswith("quota#day#")}
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
def test_none_at_all_means_none_at_all(emulated: Database, settings: dict[str, int], error: type[Exception]) -> None:
    world = World(emulated, **settings)
    with pytest.raises(error):
        world.film()
    assert world.counts == (0, 0, 0)


def test_a_refused_request_writes_nothing(emulated: Database) -> None:
    world = World(emulated, free_concurrent_videos=1)
    world.film()
    before = rows(emulated)
    with pytest.raises(TooManyRunningVideosError):
        world.film()
    assert rows(emulated) == before


def rows(database: Database) -> list[list[dict[str, Any]]]:
    names = database.names
    tables = (names.dreams_table, names.videos_table, names.profiles_table, names.guards_table)
    return [sorted(database.client.scan(TableName=table)["Items"], key=str) for table in tables]


def test_an_unknown_dream_comes_before_the_quota(emulated: Database) -> None:
    world = World(emulated, free_videos_per_day=0)
    with pytest.raises(DreamNotFoundError):
        world.filming.create(USER_ID, new_id(), 5)


def test_one_more_video_of_a_dream_is_counted_too(world: World) -> None:
    first = world.film()
    world.analyzed(first)
    world.filming.create(USER_ID, first.dream_id, 5)
    assert world.counts == (2, 2, 2)
    with pytest.raises(TooManyRunningVideosError):
        world.filming.create(USER_ID, first.dream_id, 5)


# ---------------------------------------------------------------- at the same time


def test_of_fifty_requests_of_one_user_exactly_two_pass(world: World) -> None:
    results = in_parallel(world.film, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 2
    assert {type(result) for result in results} == {VideoRecord, TooManyRunningVideosError}
    assert world.counts == (2, 2, 2)
    assert len(world.states.started) == 2


def test_of_fifty_requests_of_one_user_exactly_a_days_videos_pass(emulated: Database) -> None:
    world = World(emulated, free_concurrent_videos=100)
    results = in_parallel(world.film, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 5
    assert world.counts == (5, 5, 5)


@pytest.mark.parametrize("ceiling", [3, 20])
def test_of_fifty_users_exactly_the_services_ceiling_pass(emulated: Database, ceiling: int) -> None:
    world = World(emulated, service_videos_per_day=ceiling)
    results = in_parallel(lambda: world.film(new_id()), 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == ceiling
    assert {type(result) for result in results} == {VideoRecord, ServiceQuotaExceededError}
    assert world.counts == (ceiling, ceiling, ceiling)


def test_what_is_given_back_can_be_had_again_up_to_the_ceiling(emulated: Database) -> None:
    world = World(emulated, **(PLENTY | {"service_videos_per_day": 10}))
    videos = [world.film() for _ in range(10)]
    with pytest.raises(ServiceQuotaExceededError):
        world.film()
    random.Random(1).shuffle(videos)
    for video in videos[:4]:
        world.fail(video)
    assert [type(world.film()) for _ in range(4)] == [VideoRecord] * 4
    with pytest.raises(ServiceQuotaExceededError):
        world.film()


def test_fifty_users_at_the_same_time_do_not_wait_for_each_other(
    emulated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transactions of 10 ms that refuse each other where they meet. Measured: with one item for the service's count 190
    conflicts and a quarter of the requests refused as busy, with eight items 20 conflicts and none refused."""
    conflicts = {}
    for shards in (SERVICE_SHARDS, 1):
        for module in ("limits.quotas", "limits.repository", "videos.lifecycle"):
            monkeypatch.setattr(f"dreamvision.{module}.SERVICE_SHARDS", shards)
        contended = ContendedTables(emulated.client, seconds=0.01)
        world = World(Database(emulated.names, cast(Any, contended)))
        results = in_parallel(lambda world=world: world.film(new_id()), 50)  # type: ignore[misc]
        conflicts[shards] = contended.conflicts
        if shards == SERVICE_SHARDS:
            assert {type(result) for result in results} == {VideoRecord}
    assert conflicts[SERVICE_SHARDS] < conflicts[1]


def test_counts_lapse_after_the_day_is_over(world: World) -> None:
    world.film()
    for item in guards(world.database).values():
        assert int(item["expires_at"]) - time.time() > 2 * 86_400
