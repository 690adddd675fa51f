"""Estimated completion times: from what videos have taken in the last hour."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.videos.completion_times import CompletionTimes
from dreamvision.videos.models import Media
from dreamvision.videos.service import VideoService, VideoServiceSettings
from tests.fakes.capacity import Meter
from tests.fakes.http_api import HttpFunction
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend

NOON = datetime(2026, 11, 23, 12, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def average(database: Database, now: datetime) -> timedelta | None:
    """Return what a new container reads."""
    return CompletionTimes(database).average(now)


def test_without_videos_there_is_no_average(database: Database) -> None:
    assert average(database, NOON) is None


def test_the_average_is_of_the_last_hour(database: Database) -> None:
    times = CompletionTimes(database)
    times.record(timedelta(seconds=600), NOON - 75 * MINUTE)
    times.record(timedelta(seconds=60), NOON - 55 * MINUTE)
    times.record(timedelta(seconds=90), NOON - 5 * MINUTE)
    times.record(timedelta(seconds=120), NOON)
    assert average(database, NOON) == timedelta(seconds=90)
    # An hour later only the last ten minutes are left of them, and then none.
    assert average(database, NOON + 56 * MINUTE) == timedelta(seconds=105)
    assert average(database, NOON + 75 * MINUTE) is None


def test_a_container_reads_once_a_minute(database: Database) -> None:
    times, meter = CompletionTimes(database), Meter(database)
    assert times.average(NOON) is None
    CompletionTimes(database).record(timedelta(seconds=60), NOON)
    assert times.average(NOON + timedelta(seconds=59)) is None
    assert times.average(NOON + MINUTE) == timedelta(seconds=60)
    assert meter.operations.count("BatchGetItem") == 2


def test_the_items_are_small_few_and_expire(database: Database) -> None:
    times = CompletionTimes(database)
    for number in range(180):
        times.record(timedelta(seconds=75), NOON + number * MINUTE)
    items = database.client.scan(TableName=database.names.guards_table)["Items"]
    assert sorted(str(item["guard"]) for item in items) == [f"times#2026-11-23T{hour}" for hour in (12, 13, 14, 15)]
    assert all(len(item) <= 14 for item in items)
    assert max(int(str(item["expires_at"])) for item in items) == int((NOON + 179 * MINUTE + 180 * MINUTE).timestamp())


def test_a_video_is_completed_although_its_time_cannot_be_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    monkeypatch.setattr(database.client, "update_item", throttled)
    CompletionTimes(database).record(MINUTE, NOON)


def estimate(backend: DreamBackend) -> float:
    """Request a video as a new container would, cancel it, and return in how many seconds it was expected."""
    backend.service = VideoService(backend.database, backend.workflow, VideoServiceSettings(poll_first_wait=20))
    answer = HttpFunction("api/dreams")(
        LUNA, "POST /api/v1/dreams/generate-video", body={"dream_text": DREAM}, headers={"prefer": "respond-async"}
    )
    video = backend.stored_video(LUNA, answer.body["job_id"])
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    expected = datetime.fromisoformat(answer.body["estimated_completion_time"])
    assert expected == video.estimated_completion_at
    return (expected - video.created_at).total_seconds()


@pytest.mark.usefixtures("noon")
def test_the_estimate_of_a_new_video_follows_the_completed_ones(
    backend: DreamBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VideoService, "shared", lambda: backend.service)
    # GIVEN no measured time: the first wait and a typical render
    assert estimate(backend) == 80

    # WHEN a video is completed after seven minutes
    dream_id = backend.analyzed_dream().dream_id
    old = backend.videos.add(LUNA, new_id(), dream_id, 5, utc_now() - 7 * MINUTE)
    backend.videos.complete(old, Media("videos/u/j.mp4", "thumbnails/t/j.jpg", None, 1280, 720), utc_now())

    # THEN the next one is expected to take as long
    assert estimate(backend) == pytest.approx(420, abs=5)


def test_a_video_has_its_estimate_until_it_is_final(backend: DreamBackend) -> None:
    functions = HttpFunction("api/videos")
    running = backend.service.create(LUNA, backend.analyzed_dream().dream_id, 5)
    shown = functions(LUNA, "GET /api/v1/videos/{job_id}", job_id=running.job_id).body
    assert datetime.fromisoformat(shown["estimated_completion_time"]) == running.estimated_completion_at
    ended = functions(LUNA, "DELETE /api/v1/videos/{job_id}", job_id=running.job_id).body
    assert ended["estimated_completion_time"] is None


def test_a_row_of_an_earlier_version_has_no_estimate_of_its_own(backend: DreamBackend) -> None:
    video = backend.pending_video()
    assert video.estimated_completion_at is None
    assert backend.presenter.video(video).estimated_completion_time is None
    assert backend.service.estimated_completion(video) == video.created_at + timedelta(seconds=80)
