"""Erasures of dreams and accounts with many rows, at the same time as each other and as the work on a video."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.dreams.repository import DreamNotFoundError
from dreamvision.dreams.uploads import Uploads
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.media.models import ReencodedImage
from dreamvision.schemas.uploads import ImageType
from dreamvision.videos.models import Media, VideoFinalError, VideoNotFoundError
from tests.conftest import load_function
from tests.integration.dreams.fixtures import LUNA, STELLA
from tests.integration.erasure.fixtures import GRACE, ErasureBackend, populated_account

# ---------------------------------------------------------------- many rows


def test_an_account_of_many_dreams_is_erased(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """More dreams than a batch, and more videos whose dreams are gone."""
    monkeypatch.setattr(load_function("workflows/erasure/soft_delete"), "_DREAMS_PER_RUN", 5)
    backend = erasure.dreams
    dreams = [backend.analyzed_dream() for _ in range(12)]
    last = backend.completed_video(dreams[0])
    for dream in dreams[:6]:
        backend.queued_video(dream)
        key = {"user_id": LUNA, "dream_id": dream.dream_id}
        backend.database.client.delete_item(TableName=backend.database.names.dreams_table, Key=key)

    erasure.delete_account()
    erasure.run_execution()

    # 6 dreams and then 7 videos, each in two runs; a run that finds nothing; and once more after the grace period
    assert erasure.machine.entered.count("SoftDelete") == 2 + 2 + 1 + 1
    assert erasure.remains_of(*(dream.dream_id for dream in dreams), last.job_id) == []
    assert backend.media_keys() == []


@pytest.mark.parametrize(("number", "runs"), [(0, 0), (2, 1), (3, 1), (4, 2), (6, 2)])
def test_batches_are_deleted_until_one_is_empty(erasure: ErasureBackend, number: int, runs: int) -> None:
    backend = erasure.dreams
    for _ in range(number):
        backend.analyzed_dream(STELLA)
    deletion = DreamDeletion(backend.database)
    assert len(list(iter(lambda: deletion.soft_delete_batch(STELLA, 3), False))) == runs
    assert backend.profile(STELLA).dreams_count == 0
    erasure.execute(STELLA)


# ---------------------------------------------------------------- two erasures at once


def test_the_erasure_of_one_dream_leaves_another_ones_tombstones(erasure: ErasureBackend) -> None:
    """Without its tombstones the other erasure would find no media, no render, and no reason to wait."""
    backend = erasure.dreams
    first, second = backend.analyzed_dream(), backend.analyzed_dream()
    shown, sent = backend.dream_with_upload(second)
    done, running = backend.completed_video(second), backend.processing_video(second)
    backend.completed_video(first)
    erasure.delete_dream(first.dream_id)
    erasure.delete_dream(second.dream_id)
    before = [item for item in erasure.items() if item.get("dream_id") == second.dream_id]

    erasure.execute(LUNA, first.dream_id)

    assert [item for item in erasure.items() if item.get("dream_id") == second.dream_id] == before
    assert {shown, sent, done.video_key, done.thumbnail_key, done.preview_key} == set(backend.media_keys())
    assert running.provider_task_id not in backend.renderer.cancelled
    assert running.job_id not in backend.states.stopped
    # AND what a task of the second dream writes during its grace period is deleted as well
    erasure.machine.on_wait = lambda: erasure.put_media(f"thumbnails/{running.media_token}/{running.job_id}.jpg")
    erasure.machine.run({"user_id": LUNA, "whole_account": False, "dream_id": second.dream_id})
    assert erasure.machine.waited == [GRACE]
    assert running.provider_task_id in backend.renderer.cancelled
    assert backend.media_keys() == []


class _Race(NamedTuple):
    """Two pieces of work, of which the second one happens before some call of the first, and what holds afterwards."""

    first: Callable[[], object]
    second: Callable[[], object]
    check: Callable[[], object] = lambda: None


def _at_any_moment(erasure: ErasureBackend, prepare: Callable[[int], _Race], step: int = 1) -> int:
    """Let the second happen before every (``step``-th) call of the first, and at last after it. Return the last number.

    A call is one to DynamoDB, S3, Step Functions, Cognito or the renderer.
    """
    for number in itertools.count(1, step):
        race = prepare(number)
        erasure.at_call(number, race.second)
        race.first()
        over = not erasure.was_interrupted
        erasure.kill_at_call(None)
        if over:
            race.second()
        race.check()
        if over:
            return number
    raise AssertionError


def test_two_erasures_of_a_dream_at_any_moment_count_and_delete_once(erasure: ErasureBackend) -> None:
    backend = erasure.dreams
    kept = backend.completed_video(backend.analyzed_dream())

    def prepare(_: int) -> _Race:
        dream = backend.analyzed_dream()
        backend.completed_video(dream)
        backend.processing_video(dream)

        def erase() -> None:
            assert erasure.execute(LUNA, dream.dream_id)[-1] == "Erased"

        return _Race(erase, erase, check)

    def check() -> None:
        profile = backend.profile()
        assert (profile.dreams_count, profile.videos_count) == (1, 1)
        assert erasure.orphans() == []
        assert set(backend.media_keys()) == {kept.video_key, kept.thumbnail_key, kept.preview_key}

    assert _at_any_moment(erasure, prepare, step=3) > 20


def test_the_erasures_of_a_dream_and_of_its_account_at_any_moment_leave_nothing(erasure: ErasureBackend) -> None:
    def prepare(number: int) -> _Race:
        user_id = f"{number:08d}-4444-4444-8444-444444444444"
        erasure.add_account(user_id, f"{number}@example.com", f"Sleeper {number}")
        dream_id = next(iter(populated_account(erasure, user_id)))

        def check() -> None:
            (left,) = erasure.remains_of(user_id)
            assert f"sessions#{user_id}" in left
            assert erasure.dreams.media_keys() == []

        return _Race(lambda: erasure.execute(user_id), lambda: erasure.execute(user_id, dream_id), check)

    assert _at_any_moment(erasure, prepare, step=7) > 30


# ---------------------------------------------------------------- changes during a deletion


def _delete(erasure: ErasureBackend, dream_id: str) -> Callable[[], None]:
    return lambda: DreamDeletion(erasure.dreams.database).soft_delete_dream(LUNA, dream_id)


def _is_gone(erasure: ErasureBackend, dream_id: str) -> None:
    """Assert that no reader finds the dream or a video of it, even before its erasure is executed."""
    assert not erasure.dreams.dreams.exists(LUNA, dream_id)
    assert erasure.dreams.videos.list_by_dream(LUNA, dream_id) == []


def test_a_render_accepted_at_any_moment_of_the_deletion_is_cancelled(erasure: ErasureBackend) -> None:
    """The task is paid for, and its id arrives before, between or after the writes of the deletion."""
    backend = erasure.dreams

    def prepare(number: int) -> _Race:
        video = backend.queued_video(backend.analyzed_dream())
        backend.videos.request_render(LUNA, video.job_id, utc_now())
        task_id = f"{number:08d}-6f0a-4a7a-8f6e-3a3d2b1c0f9e"

        def accepted() -> None:
            with suppress(VideoNotFoundError):  # its tombstone has the task id
                backend.videos.record_render(LUNA, video.job_id, task_id, 60, utc_now())

        def check() -> None:
            _is_gone(erasure, video.dream_id)
            erasure.execute(LUNA, video.dream_id)
            assert task_id in backend.renderer.cancelled

        return _Race(_delete(erasure, video.dream_id), accepted, check)

    assert _at_any_moment(erasure, prepare) > 5


def test_a_video_completed_at_any_moment_of_the_deletion_is_counted_right(erasure: ErasureBackend) -> None:
    backend = erasure.dreams

    def prepare(_: int) -> _Race:
        video = backend.processing_video(backend.analyzed_dream())
        keys = (f"videos/{LUNA}/{video.job_id}.mp4", f"thumbnails/{video.media_token}/{video.job_id}.jpg")

        def completed() -> None:
            for key in keys:
                erasure.put_media(key)
            with suppress(VideoFinalError):
                backend.videos.complete(video, Media(*keys, None, 1280, 720), utc_now())

        def check() -> None:
            _is_gone(erasure, video.dream_id)
            erasure.execute(LUNA, video.dream_id)
            profile = backend.profile()
            assert (profile.dreams_count, profile.videos_count) == (0, 0)
            assert backend.media_keys() == []

        return _Race(_delete(erasure, video.dream_id), completed, check)

    assert _at_any_moment(erasure, prepare) > 5


@pytest.mark.parametrize("what", ["attached", "announced"])
def test_an_image_that_comes_at_any_moment_of_the_deletion_is_deleted(erasure: ErasureBackend, what: str) -> None:
    """S3 accepts the image of a form for ten minutes, whatever has become of the dream."""
    backend = erasure.dreams
    uploads = Uploads(backend.database, backend.store)

    def prepare(_: int) -> _Race:
        dream = backend.analyzed_dream()
        first = uploads.announce(LUNA, dream.dream_id, ImageType.JPEG).fields["key"]
        erasure.put_media(first)

        def attached() -> None:
            uploads.receive(first, lambda data, _: ReencodedImage(data, 64, 64), "01")

        def announced() -> None:
            with suppress(DreamNotFoundError):
                erasure.put_media(uploads.announce(LUNA, dream.dream_id, ImageType.PNG).fields["key"])

        def check() -> None:
            _is_gone(erasure, dream.dream_id)
            erasure.execute(LUNA, dream.dream_id)
            backend.store.delete_media([first])  # S3 tells of every image, and its function deletes what it was sent
            assert backend.media_keys() == []

        return _Race(_delete(erasure, dream.dream_id), attached if what == "attached" else announced, check)

    assert _at_any_moment(erasure, prepare) > 2
