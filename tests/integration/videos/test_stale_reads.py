"""Videos when every eventually consistent read misses the latest writes: each test needs a consistent one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.media.archive import ArchivedMedia
from dreamvision.rendering.errors import RenderBusyError, RenderOutcomeUnknownError
from dreamvision.rendering.renderer import RenderState, RenderStatus
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos import archive
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.failures import close_stopped
from dreamvision.videos.models import DreamNotAnalyzedError, VideoFinalError, VideoRecord
from dreamvision.videos.render import cancel_render, poll_render, start_render
from dreamvision.videos.sweeper import GRACE, sweep
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer, new_task_id
from tests.fakes.stale_replica import StaleReplica
from tests.integration.dreams.fixtures import DREAM, LUNA, DreamBackend

pytestmark = pytest.mark.usefixtures("replica")


@pytest.fixture
def video(backend: DreamBackend) -> VideoRecord:
    """A pending video of an analyzed dream, stored just now."""
    return backend.queued_video(backend.analyzed_dream())


def _meanwhile(backend: DreamBackend, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Let something happen between the next read of a video and its change of status."""
    move = backend.videos._move

    def moved(*arguments: Any, **options: Any) -> None:
        monkeypatch.undo()
        change()
        move(*arguments, **options)

    monkeypatch.setattr(backend.videos, "_move", moved)


# ---------------------------------------------------------------- creation


def test_a_repeated_creation_finds_the_video(backend: DreamBackend) -> None:
    job_id, dream_id = new_id(), new_id()
    first, again = (backend.videos.add_with_dream(LUNA, job_id, dream_id, DREAM, 5, utc_now()) for _ in range(2))
    assert first == again


def test_a_new_dream_is_not_unknown(backend: DreamBackend) -> None:
    dream_id = backend.pending_video().dream_id
    with pytest.raises(DreamNotAnalyzedError):
        backend.videos.add(LUNA, new_id(), dream_id, 5, utc_now())


def test_a_waiting_request_sees_the_analysis(backend: DreamBackend, replica: StaleReplica) -> None:
    video = backend.pending_video()
    replica.catch_up()
    backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    dream = backend.service.wait_for_analysis(LUNA, video.dream_id, 0)
    assert dream is not None
    assert dream.analysis_status is AnalysisStatus.COMPLETED


# ---------------------------------------------------------------- render


def test_an_execution_finds_the_rows_of_the_request_that_started_it(backend: DreamBackend, video: VideoRecord) -> None:
    renderer = FakeRenderer(RenderState(RenderStatus.RENDERING, 40))
    start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)
    assert poll_render(LUNA, video.job_id, renderer, backend.videos).progress == 40
    cancel_render(LUNA, video.job_id, renderer, backend.videos)
    assert renderer.cancelled == renderer.task_ids == [backend.stored_video(LUNA, video.job_id).provider_task_id]


def test_the_analysis_of_the_state_before_is_found(backend: DreamBackend, replica: StaleReplica) -> None:
    video = backend.pending_video()
    replica.catch_up()
    backend.dreams.complete_analysis(LUNA, video.dream_id, FakeAnalyzer().analyze(DREAM), 5, utc_now())
    renderer = FakeRenderer()
    start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)
    assert len(renderer.started) == 1


def test_a_cancelled_video_is_neither_rendered_nor_polled(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    backend.videos.record_render(LUNA, video.job_id, new_task_id(), 60, utc_now())
    replica.catch_up()
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    renderer = FakeRenderer()
    with pytest.raises(VideoFinalError):
        start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)
    with pytest.raises(VideoFinalError):
        poll_render(LUNA, video.job_id, renderer, backend.videos)
    assert (renderer.started, renderer.checked) == ([], [])


def test_the_task_of_an_earlier_start_is_found(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    replica.catch_up()
    task_id = new_task_id()
    backend.videos.record_render(LUNA, video.job_id, task_id, 60, utc_now())
    assert backend.videos.request_render(LUNA, video.job_id, utc_now()).provider_task_id == task_id


def test_a_request_returns_its_own_intent(backend: DreamBackend, video: VideoRecord, replica: StaleReplica) -> None:
    replica.catch_up()
    now = utc_now()
    assert backend.videos.request_render(LUNA, video.job_id, now).render_requested_at is not None
    with pytest.raises(RenderOutcomeUnknownError):
        backend.videos.request_render(LUNA, video.job_id, now)


def test_a_request_for_a_video_closed_just_now_is_refused(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    replica.catch_up()
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    with pytest.raises(VideoFinalError):
        backend.videos.request_render(LUNA, video.job_id, utc_now())


def test_a_refusal_gives_the_day_of_a_video_back_that_was_closed_meanwhile(
    backend: DreamBackend, video: VideoRecord
) -> None:
    class ClosedMeanwhile(FakeRenderer):
        def start(self, *arguments: Any, **options: Any) -> Any:
            backend.videos.cancel(LUNA, video.job_id, utc_now())
            raise RenderBusyError

    with pytest.raises(RenderBusyError):
        start_render(LUNA, video.job_id, ClosedMeanwhile(), backend.dreams, backend.videos)
    assert backend.stored_video(LUNA, video.job_id).render_requested_at is None


def test_a_task_of_a_video_closed_just_before_it_is_recorded_is_cancelled(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    replica.catch_up()
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    recorded = backend.videos.record_render(LUNA, video.job_id, new_task_id(), 60, utc_now())
    assert recorded.status is VideoStatus.CANCELLED


def test_a_task_of_a_video_closed_while_it_is_recorded_is_cancelled(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    replica.catch_up()
    store = backend.videos._update_if

    def closed_after(*arguments: Any) -> bool:
        stored = store(*arguments)
        backend.videos.cancel(LUNA, video.job_id, utc_now())
        return stored

    monkeypatch.setattr(backend.videos, "_update_if", closed_after)
    recorded = backend.videos.record_render(LUNA, video.job_id, new_task_id(), 60, utc_now())
    assert recorded.status is VideoStatus.CANCELLED


def test_a_video_closed_while_its_render_leaves_the_queue_stays_closed(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = FakeRenderer(RenderState(RenderStatus.RENDERING, 40))
    start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)
    replica.catch_up()
    _meanwhile(backend, monkeypatch, lambda: backend.videos.cancel(LUNA, video.job_id, utc_now()))
    with pytest.raises(VideoFinalError):
        poll_render(LUNA, video.job_id, renderer, backend.videos)
    closed = backend.stored_video(LUNA, video.job_id)
    assert (closed.status, closed.progress) == (VideoStatus.CANCELLED, 0)


# ---------------------------------------------------------------- archive


def test_a_render_that_started_just_now_is_archived_once(
    backend: DreamBackend, video: VideoRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    backend.videos.record_render(LUNA, video.job_id, new_task_id(), 60, utc_now())
    keys = ("videos/v.mp4", "thumbnails/t/v.jpg", "thumbnails/t/v.webp")
    stored = ArchivedMedia(*keys, 1280, 720, 5.0, 1000, "h264", 320, 180)
    calls: list[str] = []

    def archive_video(url: str, **_: object) -> ArchivedMedia:
        calls.append(url)
        return stored

    monkeypatch.setattr(archive, "archive_video", archive_video)
    archiver = VideoArchiver(backend.store, cast(Any, SimpleNamespace()))

    poll_render(LUNA, video.job_id, FakeRenderer(), backend.videos)

    kept = [archiver.keep(LUNA, video.job_id, backend.videos) for _ in range(2)]

    assert kept == [stored, None]
    assert len(calls) == 1


# ---------------------------------------------------------------- closing


def test_a_new_video_is_closed(backend: DreamBackend, video: VideoRecord) -> None:
    failed = backend.videos.fail(LUNA, video.job_id, "UnexpectedError", "No.", utc_now())
    assert (failed.status, failed.error_code) == (VideoStatus.FAILED, "UnexpectedError")
    again = backend.videos.fail(LUNA, video.job_id, "AnotherError", "No.", utc_now())
    assert again == failed


def test_a_failure_returns_how_the_video_was_closed_meanwhile(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.catch_up()
    _meanwhile(backend, monkeypatch, lambda: backend.videos.cancel(LUNA, video.job_id, utc_now()))
    closed = backend.videos.fail(LUNA, video.job_id, "UnexpectedError", "No.", utc_now())
    assert closed.status is VideoStatus.CANCELLED


def test_a_failure_returns_the_closed_video(backend: DreamBackend, video: VideoRecord, replica: StaleReplica) -> None:
    replica.catch_up()
    assert backend.videos.fail(LUNA, video.job_id, "X", "No.", utc_now()).status is VideoStatus.FAILED


def test_a_new_video_is_cancelled(backend: DreamBackend, video: VideoRecord, replica: StaleReplica) -> None:
    first = backend.videos.cancel(LUNA, video.job_id, utc_now())
    assert first.status is VideoStatus.CANCELLED
    replica.catch_up()
    other = backend.queued_video(backend.analyzed_dream())
    replica.catch_up()
    assert backend.videos.cancel(LUNA, other.job_id, utc_now()).status is VideoStatus.CANCELLED


def test_a_video_completed_just_now_is_not_cancelled(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    replica.catch_up()
    backend.videos.fail(LUNA, video.job_id, "X", "No.", utc_now())
    with pytest.raises(VideoFinalError):
        backend.videos.cancel(LUNA, video.job_id, utc_now())


def test_a_request_made_while_closing_counts_as_spent(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.catch_up()
    _meanwhile(backend, monkeypatch, lambda: backend.videos.request_render(LUNA, video.job_id, utc_now()))
    cancelled = backend.videos.cancel(LUNA, video.job_id, utc_now())
    assert cancelled.status is VideoStatus.CANCELLED
    assert cancelled.render_requested_at is not None


def test_a_stopped_execution_closes_what_it_just_stored(backend: DreamBackend, video: VideoRecord) -> None:
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    task_id = new_task_id()
    backend.videos.record_render(LUNA, video.job_id, task_id, 60, utc_now())
    close_stopped(LUNA, video.job_id, "ABORTED", backend.videos, backend.renderer)
    assert backend.renderer.cancelled == [task_id]


def test_the_sweeper_cancels_a_task_stored_just_now(
    backend: DreamBackend, video: VideoRecord, replica: StaleReplica
) -> None:
    """Its index is eventually consistent: it names the video, and a consistent read tells what has become of it."""
    replica.catch_up()
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    task_id = new_task_id()
    backend.videos.record_render(LUNA, video.job_id, task_id, 60, utc_now())
    backend.states.ended[video.job_id] = "FAILED"
    result = sweep(backend.videos, backend.workflow, lambda: backend.renderer, utc_now() + 2 * GRACE)
    assert result == (1, 1)
    assert backend.renderer.cancelled == [task_id]


# ---------------------------------------------------------------- lists


def test_lists_contain_what_was_stored_just_now(backend: DreamBackend, video: VideoRecord) -> None:
    before = video.created_at
    assert backend.videos.page(LUNA, limit=10).videos == [video]
    assert backend.videos.list_by_dream(LUNA, video.dream_id) == [video]
    assert list(backend.videos.open_of(LUNA)) == [video]
    assert backend.videos.changed_since(LUNA, before, 10) == [video]
    assert backend.videos.get_eventually(LUNA, video.job_id) == video
