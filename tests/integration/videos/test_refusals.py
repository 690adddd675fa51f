"""A render that the provider refused costs nothing and gives the day's quota back; any other outcome keeps it."""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.rendering.errors import (
    RENDER_ERRORS,
    RenderBusyError,
    RenderCreditsError,
    RenderKeyError,
    RenderModerationError,
    RenderRejectedError,
    RenderUnreachableError,
)
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.render import start_render
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend
from tests.integration.ministack import reservation_counts

NOTHING_CREATED: tuple[type[Exception], ...] = (
    RenderBusyError,
    RenderUnreachableError,
    RenderRejectedError,
    RenderModerationError,
    RenderCreditsError,
    RenderKeyError,
)
"""The errors of ``start`` that the port documents with "nothing was created"."""
MAY_EXIST: tuple[type[Exception], ...] = (
    *(error for error in RENDER_ERRORS if error not in NOTHING_CREATED),
    DreamVisionError,
    UnexpectedError,
    TimeoutError,
    ValueError,
)


@pytest.fixture
def video(backend: DreamBackend) -> VideoRecord:
    """A counted video whose dream is analyzed."""
    found = backend.service.create_with_dream(LUNA, DREAM, 5).video
    backend.dreams.complete_analysis(LUNA, found.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    return found


def _start(backend: DreamBackend, video: VideoRecord, renderer: FakeRenderer) -> None:
    start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)


def _refused(backend: DreamBackend, video: VideoRecord, error: DreamVisionError) -> None:
    with pytest.raises(type(error)):
        _start(backend, video, FakeRenderer(start_error=error))


@pytest.mark.parametrize("error", NOTHING_CREATED, ids=lambda error: error.__name__)
def test_a_refused_render_is_given_back(
    backend: DreamBackend, video: VideoRecord, error: type[DreamVisionError]
) -> None:
    _refused(backend, video, error())
    assert reservation_counts(backend.database) == (1, 1, 1)
    assert backend.stored_video(LUNA, video.job_id).render_requested_at is None

    record_failure(LUNA, video.job_id, error.__name__, backend.videos)

    assert reservation_counts(backend.database) == (0, 0, 0)


@pytest.mark.parametrize("error", NOTHING_CREATED, ids=lambda error: error.__name__)
def test_a_refused_render_may_be_requested_again(
    backend: DreamBackend, video: VideoRecord, error: type[DreamVisionError]
) -> None:
    _refused(backend, video, error())
    renderer = FakeRenderer()
    _start(backend, video, renderer)
    assert len(renderer.task_ids) == 1
    record_failure(LUNA, video.job_id, "UnexpectedError", backend.videos)
    assert reservation_counts(backend.database) == (1, 0, 1)


@pytest.mark.parametrize("error", MAY_EXIST, ids=lambda error: error.__name__)
def test_a_render_that_may_exist_is_neither_given_back_nor_requested_again(
    backend: DreamBackend, video: VideoRecord, error: type[DreamVisionError]
) -> None:
    _refused(backend, video, error())
    assert backend.stored_video(LUNA, video.job_id).render_requested_at is not None
    renderer = FakeRenderer()
    with pytest.raises(DreamVisionError):
        _start(backend, video, renderer)
    assert renderer.started == []

    record_failure(LUNA, video.job_id, "UnexpectedError", backend.videos)

    assert reservation_counts(backend.database) == (1, 0, 1)


# ---------------------------------------------------------------- withdrawing a request


def _requested(backend: DreamBackend, video: VideoRecord) -> VideoLifecycle:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    return backend.videos


@pytest.mark.parametrize("final", [False, True], ids=["open", "final"])
def test_a_request_with_a_task_is_not_withdrawn(backend: DreamBackend, video: VideoRecord, final: bool) -> None:
    """A late refusal, as of a duplicate delivery: the other one's task is paid for."""
    videos = _requested(backend, video)
    videos.record_render(LUNA, video.job_id, FakeRenderer().start("x", 5).task_id, 60, utc_now())
    if final:
        videos.cancel(LUNA, video.job_id, utc_now())
    before, counts = backend.stored_video(LUNA, video.job_id), reservation_counts(backend.database)

    videos.withdraw_render_request(LUNA, video.job_id, utc_now())

    assert backend.stored_video(LUNA, video.job_id) == before
    assert reservation_counts(backend.database) == counts
    assert before.render_requested_at is not None


@pytest.mark.parametrize("final", [False, True], ids=["open", "final"])
def test_nothing_is_withdrawn_without_a_request(backend: DreamBackend, video: VideoRecord, final: bool) -> None:
    videos = backend.videos
    if final:
        videos.cancel(LUNA, video.job_id, utc_now())
    before, counts = backend.stored_video(LUNA, video.job_id), reservation_counts(backend.database)

    videos.withdraw_render_request(LUNA, video.job_id, utc_now())

    assert backend.stored_video(LUNA, video.job_id) == before
    assert reservation_counts(backend.database) == counts == ((0, 0, 0) if final else (1, 1, 1))


def test_a_request_is_withdrawn_once_from_a_closed_video(backend: DreamBackend, video: VideoRecord) -> None:
    other = backend.service.create_with_dream(LUNA, DREAM, 5).video
    videos = _requested(backend, video)
    videos.cancel(LUNA, video.job_id, utc_now())
    assert reservation_counts(backend.database) == (2, 1, 2)
    for _ in range(3):
        videos.withdraw_render_request(LUNA, video.job_id, utc_now())
        assert reservation_counts(backend.database) == (1, 1, 1)
    assert backend.stored_video(LUNA, other.job_id).status is VideoStatus.PENDING


def test_an_open_video_is_not_withdrawn_as_if_it_were_closed(backend: DreamBackend, video: VideoRecord) -> None:
    """Between the two writes of a withdrawal another delivery may withdraw the request, and a retry repeat it."""
    videos = _requested(backend, video)
    videos._withdraw_from_final(backend.stored_video(LUNA, video.job_id), utc_now())
    assert backend.stored_video(LUNA, video.job_id).render_requested_at is not None
    assert reservation_counts(backend.database) == (1, 1, 1)
