"""The move of a row to its tombstone: only of the row that was read, counted once, and complete or not at all."""

from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Item, build_update
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from tests.integration.dreams.fixtures import LUNA, DreamBackend

TASK_ID = "9b2d4d4e-6f0a-4a7a-8f6e-3a3d2b1c0f9e"


def _change(backend: DreamBackend, table: str, key: Item, values: Item) -> None:
    backend.database.client.update_item(TableName=table, Key=key, **build_update({"changed": True} | values))


def _all(backend: DreamBackend) -> list[Item]:
    names = backend.database.names
    tables = (names.profiles_table, names.dreams_table, names.videos_table)
    return [item for table in tables for item in backend.database.client.scan(TableName=table)["Items"]]


@pytest.mark.parametrize(
    "change",
    [
        {"analysis_status": AnalysisStatus.FAILED},
        {"thumbnail_key": "thumbnails/t/other.jpg"},
        {"thumbnail_key": None},
        {"upload_id": "another-upload"},
        {"upload_id": None},
        {"picture_key": "thumbnails/t/image.jpg"},
        {"picture_key": None},
    ],
    ids=str,
)
def test_a_dream_that_changed_is_read_again(backend: DreamBackend, change: Item) -> None:
    dream = backend.analyzed_dream()
    backend.completed_video(dream)
    backend.dream_with_upload(dream)
    read = backend.dreams.get(LUNA, dream.dream_id, consistent=True)
    assert None not in (read.thumbnail_key, read.upload_id, read.image_key)
    _change(backend, backend.database.names.dreams_table, {"user_id": LUNA, "dream_id": dream.dream_id}, change)
    before = _all(backend)

    assert not TombstoneRepository(backend.database).move_dream_to_tombstone(read, utc_now())

    assert _all(backend) == before


@pytest.mark.parametrize("name", ["thumbnail_key", "upload_id", "picture_key"])
def test_a_dream_that_got_its_first_media_is_read_again(backend: DreamBackend, name: str) -> None:
    dream = backend.analyzed_dream()
    key = {"user_id": LUNA, "dream_id": dream.dream_id}
    _change(backend, backend.database.names.dreams_table, key, {name: "new"})
    before = _all(backend)

    assert not TombstoneRepository(backend.database).move_dream_to_tombstone(dream, utc_now())

    assert _all(backend) == before


@pytest.mark.parametrize(
    "change",
    [
        {"status": VideoStatus.FAILED},
        {"provider_task_id": TASK_ID},
        {"provider_task_id": None},
        {"thumbnail_key": "thumbnails/t/other.jpg"},
        {"thumbnail_key": None},
    ],
    ids=str,
)
def test_a_video_that_changed_is_read_again(backend: DreamBackend, change: Item) -> None:
    video = backend.completed_video(backend.analyzed_dream())
    _change(backend, backend.database.names.videos_table, {"user_id": LUNA, "job_id": video.job_id}, change)
    before = _all(backend)

    assert not TombstoneRepository(backend.database).move_video_to_tombstone(video, utc_now())

    assert _all(backend) == before


@pytest.mark.parametrize("name", ["provider_task_id", "thumbnail_key"])
def test_a_video_that_got_a_task_or_media_is_read_again(backend: DreamBackend, name: str) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    _change(backend, backend.database.names.videos_table, {"user_id": LUNA, "job_id": video.job_id}, {name: "new"})
    before = _all(backend)

    assert not TombstoneRepository(backend.database).move_video_to_tombstone(video, utc_now())

    assert _all(backend) == before


def test_a_row_is_moved_and_uncounted_once(backend: DreamBackend) -> None:
    tombstones = TombstoneRepository(backend.database)
    dream = backend.analyzed_dream()
    video = backend.completed_video(dream)
    read = backend.dreams.get(LUNA, dream.dream_id, consistent=True)

    assert tombstones.move_dream_to_tombstone(read, utc_now())
    assert tombstones.move_video_to_tombstone(video, utc_now())
    assert not tombstones.move_dream_to_tombstone(read, utc_now())
    assert not tombstones.move_video_to_tombstone(video, utc_now())

    profile = backend.profile()
    assert (profile.dreams_count, profile.videos_count) == (0, 0)
    assert {item["user_id"] for item in _all(backend)} == {LUNA, f"erasing#{LUNA}"}


def test_a_page_of_tombstones_belongs_to_the_asked_dream(backend: DreamBackend) -> None:
    tombstones = TombstoneRepository(backend.database)
    first, second = backend.analyzed_dream(), backend.analyzed_dream()
    videos = [backend.completed_video(dream) for dream in (first, second, first)]
    for video in videos:
        assert tombstones.move_video_to_tombstone(video, utc_now())

    def pages(dream_id: str | None, limit: int) -> list[list[str]]:
        found: list[list[str]] = []
        after: Any = ""
        while after is not None:
            page = tombstones.videos(LUNA, dream_id, limit=limit, after_id=after)
            found.append([tombstone.job_id for tombstone in page.videos])
            after = page.last_id
        return found

    ids = [video.job_id for video in videos]
    assert pages(first.dream_id, 10) == [[ids[0], ids[2]]]
    assert pages(second.dream_id, 10) == [[ids[1]]]
    assert pages(new_id(), 10) == [[]]
    assert pages(None, 10) == [ids]
    # A page is cut before it is filtered, so that some are empty.
    assert [job_id for page in pages(first.dream_id, 1) for job_id in page] == [ids[0], ids[2]]
