"""Quotas across crashes: a reservation is released if nothing was spent, and only then."""

from datetime import timedelta

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import derived_id, new_id
from dreamvision.database.client import Database
from dreamvision.rendering.errors import RenderBusyError, RenderCancelUnconfirmedError, RenderOutcomeUnknownError
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.models import Media, VideoFinalError
from dreamvision.videos.service import CreatedVideo
from dreamvision.videos.sweeper import SweepIncompleteError, sweep
from dreamvision.videos.workflow import WorkflowUnavailableError
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.integration.limits.fixtures import (
    DREAM,
    CrashingRenderer,
    PowerCutError,
    QuotaBackend,
    close_video,
    power_cut,
)


def test_a_crash_before_the_rows_are_written_leaves_no_reservation(
    backend: QuotaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "transact_write", power_cut)
    with pytest.raises(PowerCutError):
        backend.create_video()
    assert backend.reservations == (0, 0, 0)


def test_a_crash_before_the_execution_starts_releases_all_reservations(
    backend: QuotaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend.workflow, "start", power_cut)
    with pytest.raises(PowerCutError):
        backend.create_video()
    assert backend.reservations == (1, 1, 1)

    # a request that may still be running is not swept
    assert backend.sweep(later=timedelta()) == (0, 0)
    assert backend.reservations == (1, 1, 1)
    # AND it is closed once it cannot be running any more
    assert backend.sweep() == (1, 1)
    assert backend.reservations == (0, 0, 0)
    video = backend.only_video
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "WorkflowUnavailableError")
    assert video.error_message == WorkflowUnavailableError.user_message
    dream = backend.dreams.get(USER_ID, video.dream_id, consistent=True)
    assert (dream.analysis_status, dream.video_status) == (AnalysisStatus.FAILED, VideoStatus.FAILED)
    # AND it is not swept again
    assert backend.sweep() == (0, 0)


def test_a_video_is_swept_after_two_minutes(backend: QuotaBackend) -> None:
    """No request runs longer than 29 s, so that a start at its very end is never taken for one that failed."""
    created_at = backend.create_video().created_at
    backend.states.executions.clear()

    def sweep_at(seconds: float) -> tuple[int, int]:
        now = created_at + timedelta(seconds=seconds)
        return sweep(backend.videos, backend.workflow, lambda: backend.renderer, now)

    assert sweep_at(120) == (0, 0)
    assert sweep_at(120.001) == (1, 1)


def test_the_next_sweep_cancels_a_render_that_could_not_be_cancelled(
    backend: QuotaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a render whose execution ended without closing the video, and a provider that is down
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.start_render(video)
    backend.states.executions[video.job_id] = "FAILED"

    def down(_: str) -> None:
        raise RenderCancelUnconfirmedError

    with monkeypatch.context() as outage:
        outage.setattr(backend.renderer, "cancel", down)
        with pytest.raises(SweepIncompleteError):
            backend.sweep()
    assert backend.status(video) is VideoStatus.PENDING

    # WHEN the provider is up again
    assert backend.sweep() == (1, 1)

    # THEN the render is cancelled and the video closed
    assert backend.renderer.cancelled == backend.renderer.task_ids
    assert backend.status(video) is VideoStatus.FAILED


def test_a_video_of_an_expired_render_is_closed(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.start_render(video)
    backend.states.executions[video.job_id] = "FAILED"

    assert backend.sweep(later=timedelta(days=3)) == (1, 1)

    assert (backend.renderer.cancelled, backend.status(video)) == ([], VideoStatus.FAILED)


def test_a_video_with_a_running_execution_is_not_swept(backend: QuotaBackend) -> None:
    video = backend.create_video()
    assert backend.sweep() == (1, 0)
    assert backend.status(video) is VideoStatus.PENDING
    assert backend.reservations == (1, 1, 1)


def test_an_execution_that_does_not_start_releases_all_reservations(backend: QuotaBackend) -> None:
    backend.states.unreachable = True
    with pytest.raises(WorkflowUnavailableError):
        backend.create_video()
    assert backend.reservations == (0, 0, 0)


def test_an_execution_with_an_unconfirmed_start_finds_its_video_closed(backend: QuotaBackend) -> None:
    backend.states.answer_lost = True
    with pytest.raises(WorkflowUnavailableError):
        backend.create_video()
    video = backend.only_video
    assert backend.reservations == (0, 0, 0)
    # The execution continues until it would spend: no request reaches the renderer.
    with pytest.raises(DreamVisionError):
        backend.start_render(video)
    assert backend.renderer.started == []
    assert backend.reservations == (0, 0, 0)


@pytest.mark.parametrize("how", ["state", "rule", "sweep"])
def test_a_crash_before_the_render_request_releases_all_reservations(backend: QuotaBackend, how: str) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    close_video(backend, video, how)
    assert backend.reservations == (0, 0, 0)


@pytest.mark.parametrize("how", ["state", "rule", "sweep"])
def test_a_crash_during_the_render_request_counts_as_spent(backend: QuotaBackend, how: str) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    with pytest.raises(PowerCutError):
        backend.start_render(video, CrashingRenderer())
    # a retry of the state does not request another render
    with pytest.raises(RenderOutcomeUnknownError):
        backend.start_render(video)
    assert backend.renderer.started == []
    close_video(backend, video, how)
    assert backend.reservations == (1, 0, 1)


def test_a_lost_response_counts_as_spent(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    with pytest.raises(RenderOutcomeUnknownError):
        backend.start_render(video, FakeRenderer(start_error=RenderOutcomeUnknownError()))
    backend.record_failure(video)
    assert backend.reservations == (1, 0, 1)


def test_a_rejected_render_releases_all_reservations(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    with pytest.raises(RenderBusyError):
        backend.start_render(video, FakeRenderer(start_error=RenderBusyError()))
    backend.record_failure(video)
    assert backend.reservations == (0, 0, 0)


def test_a_rejected_render_that_succeeds_on_retry_is_spent(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    with pytest.raises(RenderBusyError):
        backend.start_render(video, FakeRenderer(start_error=RenderBusyError()))
    backend.start_render(video)
    backend.record_failure(video)
    assert backend.reservations == (1, 0, 1)


@pytest.mark.parametrize("how", ["rule", "sweep"])
def test_a_crash_during_the_render_is_spent_and_cancelled(backend: QuotaBackend, how: str) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.start_render(video)
    close_video(backend, video, how)
    assert backend.reservations == (1, 0, 1)
    assert backend.renderer.cancelled == backend.renderer.task_ids


def test_a_completed_video_releases_only_the_concurrency_reservation(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.start_render(video)
    media = Media("videos/v.mp4", "thumbnails/t.jpg", None, 1280, 720)
    current = backend.videos.get(USER_ID, video.job_id, consistent=True)
    backend.videos.complete(current, media, utc_now())
    assert backend.reservations == (1, 0, 1)
    with pytest.raises(VideoFinalError):
        backend.videos.complete(current, media, utc_now())
    assert backend.reservations == (1, 0, 1)


def test_no_video_of_an_account_being_erased_is_completed(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.start_render(video)
    ProfileRepository(backend.database).mark_erasing(USER_ID, utc_now())
    current = backend.videos.get(USER_ID, video.job_id, consistent=True)
    with pytest.raises(VideoFinalError):
        backend.videos.complete(current, Media("videos/v.mp4", "thumbnails/t.jpg", None, 1280, 720), utc_now())
    assert backend.reservations == (1, 1, 1)
    # AND closing it still releases the concurrency reservation
    backend.record_failure(video)
    assert backend.reservations == (1, 0, 1)


def test_a_retried_request_reuses_the_rows_of_the_first(backend: QuotaBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    id_seed = new_id()
    monkeypatch.setattr(backend.workflow, "start", power_cut)
    with pytest.raises(PowerCutError):
        backend.service.create_with_dream(USER_ID, DREAM, 5, id_seed=id_seed)
    monkeypatch.undo()

    first = backend.service.create_with_dream(USER_ID, DREAM, 5, id_seed=id_seed)
    again = backend.service.create_with_dream(USER_ID, DREAM, 5, id_seed=id_seed)

    assert first == again == CreatedVideo(derived_id(id_seed, "dream"), first.video)
    assert backend.states.started == [first.video.job_id] * 2  # the same name: one execution
    assert len(backend.states.executions) == 1
    assert backend.reservations == (1, 1, 1)


def test_a_retried_request_fails_after_the_sweep(backend: QuotaBackend) -> None:
    id_seed = new_id()
    backend.service.create_with_dream(USER_ID, DREAM, 5, id_seed=id_seed)
    backend.states.executions.clear()
    backend.sweep()
    with pytest.raises(WorkflowUnavailableError):
        backend.service.create_with_dream(USER_ID, DREAM, 5, id_seed=id_seed)
    assert backend.reservations == (0, 0, 0)
