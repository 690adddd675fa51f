"""Videos closed from outside: by the event of a stopped execution, delivered once or repeatedly, and by the sweeper."""

from datetime import timedelta

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.rendering.errors import RenderCancelUnconfirmedError, RenderKeyError
from dreamvision.rendering.renderer import RENDER_LIFETIME
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import close_abandoned, close_stopped, record_failure
from dreamvision.videos.models import VideoNotFoundError, VideoRecord
from tests.integration.dreams.fixtures import LUNA, DreamBackend

CODES = {"FAILED": "ExecutionFailed", "TIMED_OUT": "ExecutionTimedOut", "ABORTED": "ExecutionAborted"}


def _stopped(backend: DreamBackend, video: VideoRecord, status: str = "ABORTED") -> VideoRecord:
    return close_stopped(LUNA, video.job_id, status, backend.videos, backend.renderer)


@pytest.fixture
def video(backend: DreamBackend) -> VideoRecord:
    """A video whose render is in progress."""
    return backend.processing_video(backend.analyzed_dream())


@pytest.mark.parametrize("status", CODES)
def test_a_stopped_execution_closes_the_video_and_cancels_the_render(
    backend: DreamBackend, video: VideoRecord, status: str
) -> None:
    closed = _stopped(backend, video, status)
    assert (closed.status, closed.error_code) == (VideoStatus.FAILED, CODES[status])
    assert backend.renderer.cancelled == [video.provider_task_id]
    # A repeated event, as after a cancellation that was not confirmed, cancels the same render again.
    assert _stopped(backend, video, status) == closed
    assert backend.renderer.cancelled == [video.provider_task_id] * 2


@pytest.mark.parametrize("error", [RenderCancelUnconfirmedError(), RenderKeyError()], ids=str)
def test_a_cancellation_that_was_not_confirmed_is_repeated_with_the_event(
    backend: DreamBackend, video: VideoRecord, error: RenderCancelUnconfirmedError | RenderKeyError
) -> None:
    backend.renderer.cancel_error = error
    for _ in range(2):
        with pytest.raises(type(error)):
            _stopped(backend, video)
        assert backend.stored_video(LUNA, video.job_id).status is VideoStatus.FAILED
    backend.renderer.cancel_error = None

    _stopped(backend, video)

    assert backend.renderer.cancelled == [video.provider_task_id]


def test_a_video_that_failed_otherwise_is_left_alone(backend: DreamBackend, video: VideoRecord) -> None:
    failed = record_failure(LUNA, video.job_id, "RenderFailedError", backend.videos)
    assert _stopped(backend, video) == failed
    assert backend.renderer.cancelled == []


def test_a_completed_video_is_left_alone(backend: DreamBackend) -> None:
    done = backend.completed_video(backend.analyzed_dream())
    assert _stopped(backend, done) == done
    assert backend.renderer.cancelled == []


def test_a_cancelled_video_has_its_render_cancelled(backend: DreamBackend, video: VideoRecord) -> None:
    cancelled = backend.videos.cancel(LUNA, video.job_id, utc_now())
    assert [_stopped(backend, video) for _ in range(2)] == [cancelled] * 2
    assert backend.renderer.cancelled == [video.provider_task_id] * 2


def test_a_render_being_requested_is_cancelled_by_a_later_event(backend: DreamBackend) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    with pytest.raises(RenderCancelUnconfirmedError):
        _stopped(backend, video)


@pytest.mark.parametrize("cancelled", [False, True])
def test_nothing_is_cancelled_without_a_render(backend: DreamBackend, cancelled: bool) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    if cancelled:
        backend.videos.cancel(LUNA, video.job_id, utc_now())
    closed = _stopped(backend, video)
    assert closed.status is (VideoStatus.CANCELLED if cancelled else VideoStatus.FAILED)
    assert backend.renderer.cancelled == []


def test_a_deleted_video_is_not_closed(backend: DreamBackend, video: VideoRecord) -> None:
    key = {"user_id": LUNA, "job_id": video.job_id}
    backend.database.client.delete_item(TableName=backend.database.names.videos_table, Key=key)
    with pytest.raises(VideoNotFoundError):
        _stopped(backend, video)


# ---------------------------------------------------------------- the sweeper


def _abandoned(backend: DreamBackend, video: VideoRecord, age: timedelta) -> VideoRecord:
    now = video.created_at + age
    return close_abandoned(video, "TIMED_OUT", backend.videos, lambda: backend.renderer, now)


def test_an_abandoned_video_without_a_render_is_closed(backend: DreamBackend) -> None:
    video = backend.queued_video(backend.analyzed_dream())

    def no_renderer() -> None:
        raise AssertionError("its key is not needed")

    closed = close_abandoned(video, "ABORTED", backend.videos, no_renderer, video.created_at)  # type: ignore[arg-type]
    assert (closed.status, closed.error_code) == (VideoStatus.FAILED, "ExecutionAborted")


@pytest.mark.parametrize(
    ("age", "cancelled"),
    [(timedelta(minutes=2), True), (RENDER_LIFETIME - timedelta(seconds=1), True), (RENDER_LIFETIME, False)],
)
def test_a_render_is_cancelled_for_as_long_as_the_provider_keeps_it(
    backend: DreamBackend, video: VideoRecord, age: timedelta, cancelled: bool
) -> None:
    closed = _abandoned(backend, video, age)
    assert (closed.status, closed.error_code) == (VideoStatus.FAILED, "ExecutionTimedOut")
    assert backend.renderer.cancelled == ([video.provider_task_id] if cancelled else [])


def test_an_abandoned_video_stays_open_until_its_render_is_cancelled(backend: DreamBackend, video: VideoRecord) -> None:
    backend.renderer.cancel_error = RenderCancelUnconfirmedError()
    with pytest.raises(RenderCancelUnconfirmedError):
        _abandoned(backend, video, timedelta(minutes=2))
    assert backend.stored_video(LUNA, video.job_id).status is VideoStatus.PROCESSING
