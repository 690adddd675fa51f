"""The rows of videos: the bounds of every list, and writes that neither create nor replace what they should not."""

from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import earliest_id, new_id
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoNotFoundError
from tests.fakes.runway import new_task_id
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA, DreamBackend
from tests.integration.ministack import reservation_counts

MILLISECOND = timedelta(milliseconds=1)


def _rows(backend: DreamBackend) -> list[dict[str, Any]]:
    names = backend.database.names
    tables = (names.profiles_table, names.dreams_table, names.videos_table, names.guards_table)
    return [item for table in tables for item in backend.database.client.scan(TableName=table)["Items"]]


# ---------------------------------------------------------------- bounds


def test_open_videos_created_before_a_moment(backend: DreamBackend) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    assert list(backend.videos.list_open(video.created_at)) == []
    (found,) = backend.videos.list_open(video.created_at + MILLISECOND)
    assert found == (LUNA, video.job_id, video.created_at)
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    assert list(backend.videos.list_open(video.created_at + MILLISECOND)) == []


def test_videos_changed_at_or_after_a_moment(backend: DreamBackend) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    assert backend.videos.changed_since(LUNA, video.updated_at, 10) == [video]
    assert backend.videos.changed_since(LUNA, video.updated_at + MILLISECOND, 10) == []
    assert backend.videos.changed_since(STELLA, video.updated_at, 10) == []


def test_videos_of_a_dream_up_to_the_greatest_clock_skew(backend: DreamBackend) -> None:
    dream, other = backend.analyzed_dream(), backend.analyzed_dream()
    first = earliest_id(dream.dream_id, margin_seconds=3600)
    for job_id in (first, new_id()):
        backend.videos.add(LUNA, job_id, dream.dream_id, 5, utc_now())
    theirs = backend.queued_video(other)
    found = [video.job_id for video in backend.videos.list_by_dream(LUNA, dream.dream_id)]
    assert found[0] == first
    assert len(found) == 2
    assert [video.job_id for video in backend.videos.list_by_dream(LUNA, other.dream_id)] == [theirs.job_id]


def test_open_videos_and_those_of_a_status_are_filtered(backend: DreamBackend) -> None:
    dream = backend.analyzed_dream()
    running, failed = backend.processing_video(dream), backend.failed_video(dream)
    assert list(backend.videos.open_of(LUNA)) == [running]
    assert backend.videos.page(LUNA, limit=5, status=VideoStatus.FAILED).videos == [failed]
    assert backend.videos.page(LUNA, limit=5, status=VideoStatus.COMPLETED).videos == []


# ---------------------------------------------------------------- writes


def test_a_video_is_created_and_counted_once(backend: DreamBackend) -> None:
    job_id, dream_id = new_id(), new_id()
    first = backend.videos.add_with_dream(LUNA, job_id, dream_id, DREAM, 5, utc_now())
    before = _rows(backend)
    assert backend.videos.add_with_dream(LUNA, job_id, new_id(), DREAM, 9, utc_now()) == first
    assert _rows(backend) == before
    assert reservation_counts(backend.database) == (1, 1, 1)


@pytest.mark.parametrize("of_tombstone", [False, True])
def test_a_task_of_a_missing_video_creates_no_row(backend: DreamBackend, of_tombstone: bool) -> None:
    key = {"user_id": f"erasing#{LUNA}", "job_id": new_id()}
    if of_tombstone:
        backend.database.client.put_item(TableName=backend.database.names.videos_table, Item=key)
    task_id = new_task_id()
    with pytest.raises(VideoNotFoundError):
        backend.videos.record_render(LUNA, key["job_id"], task_id, 60, utc_now())
    rows: list[dict[str, Any]] = backend.database.client.scan(TableName=backend.database.names.videos_table)["Items"]
    assert [(row["user_id"], row["provider_task_id"]) for row in rows] == [(key["user_id"], task_id)] * of_tombstone


@pytest.mark.parametrize("requested", [False, True])
def test_what_a_closed_video_gives_back_is_decided_by_its_row(backend: DreamBackend, requested: bool) -> None:
    """A video that was read before its render was requested, or before the request was withdrawn."""
    video = backend.service.create_with_dream(LUNA, DREAM, 5).video
    asked = backend.videos.request_render(LUNA, video.job_id, utc_now())
    if not requested:
        backend.videos.withdraw_render_request(LUNA, video.job_id, utc_now())
    stale = video if requested else asked
    backend.videos._move(stale, VideoStatus.FAILED, utc_now(), {})
    assert reservation_counts(backend.database) == ((1, 0, 1) if requested else (0, 0, 0))


def test_only_the_latest_video_changes_its_dream(backend: DreamBackend) -> None:
    dream = backend.analyzed_dream()
    older, newer = backend.queued_video(dream), backend.queued_video(dream)
    backend.videos.cancel(LUNA, older.job_id, utc_now())
    stored = backend.dreams.get(LUNA, dream.dream_id)
    assert (stored.latest_job_id, stored.video_status) == (newer.job_id, VideoStatus.PENDING)
    backend.videos.cancel(LUNA, newer.job_id, utc_now())
    assert backend.dreams.get(LUNA, dream.dream_id).video_status is VideoStatus.CANCELLED
