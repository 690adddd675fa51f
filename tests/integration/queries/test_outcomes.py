"""What the API and the stream tell about a video that failed or was cancelled."""

from datetime import timedelta
from typing import Any

from dreamvision.core.clock import to_text, utc_now
from dreamvision.realtime.stream import change_in
from dreamvision.videos.failures import record_failure
from dreamvision.videos.models import VideoRecord
from tests.fakes.http_api import HttpFunction
from tests.fakes.streams import changes
from tests.integration.dreams.fixtures import LUNA, DreamBackend

_FIELDS = ("status", "error_code", "retryable", "counted")


def outcome(videos: HttpFunction, video: VideoRecord) -> tuple[Any, ...]:
    answer = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id)
    return tuple(answer.body[name] for name in _FIELDS)


def test_a_refused_dream(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.pending_video()
    record_failure(LUNA, video.job_id, "DreamRefusedError", backend.videos)
    assert outcome(videos, video) == ("failed", "analysis_refused", False, False)


def test_a_render_that_failed(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.failed_video(backend.analyzed_dream())
    assert outcome(videos, video) == ("failed", "provider_failed", True, True)


def test_a_cancelled_and_a_completed_video(backend: DreamBackend, videos: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    waiting, done = backend.queued_video(dream), backend.completed_video(dream)
    cancelled = videos(LUNA, "DELETE /api/v1/videos/{job_id}", job_id=waiting.job_id).body
    assert tuple(cancelled[name] for name in _FIELDS) == ("cancelled", "cancelled", True, False)
    assert outcome(videos, done) == ("completed", None, None, True)


def test_the_history_has_the_outcome_of_the_latest_video(backend: DreamBackend, videos: HttpFunction) -> None:
    """Without a second read: a list shows why a video failed, and that it waits in a queue."""
    dreams, now = HttpFunction("api/dreams"), utc_now()

    def listed() -> tuple[Any, ...]:
        (dream,) = dreams(LUNA, "GET /api/v1/dreams").body["dreams"]
        detail = dreams(LUNA, "GET /api/v1/dreams/{dream_id}", dream_id=dream["id"]).body
        names = ("queued_since", "error_code", "retryable")
        assert [detail[name] for name in names] == [dream[name] for name in names]
        assert [detail["video"][name] for name in names] == [dream[name] for name in names]
        return dream["video_status"], *(dream[name] for name in names)

    # A video that the provider rejects
    dream = backend.analyzed_dream()
    backend.failed_video(dream, "RenderRejectedError")
    assert listed() == ("failed", None, "provider_failed", False)

    # The next one waits, is being made, and is cancelled
    video = backend.queued_video(dream)
    assert listed() == ("pending", None, None, None)
    backend.videos.request_render(LUNA, video.job_id, now)
    accepted = backend.videos.record_render(LUNA, video.job_id, "task", 60, now)
    backend.videos.record_progress(accepted, 0, now, now)
    assert listed() == ("pending", to_text(now), None, None)
    backend.videos.record_progress(backend.stored_video(LUNA, video.job_id), 0, None, now)
    assert listed() == ("processing", None, None, None)
    videos(LUNA, "DELETE /api/v1/videos/{job_id}", job_id=video.job_id)
    assert listed() == ("cancelled", None, "cancelled", True)


def test_the_queue_of_an_earlier_video_is_not_that_of_the_dream(backend: DreamBackend) -> None:
    dream, now = backend.analyzed_dream(), utc_now()
    earlier = backend.queued_video(dream)
    backend.queued_video(dream)
    backend.videos.record_progress(earlier, 0, now, now)
    assert backend.stored_video(LUNA, earlier.job_id).queued_since is not None
    assert backend.dreams.get(LUNA, dream.dream_id).queued_since is None


def test_a_failed_video_of_an_earlier_version_has_no_code_in_the_history(backend: DreamBackend) -> None:
    video = backend.failed_video(backend.analyzed_dream())
    dream = backend.dreams.get(LUNA, video.dream_id)
    assert backend.presenter.dream_summary(dream).error_code == "provider_failed"
    assert backend.presenter.dream_summary(dream.model_copy(update={"video_error": None})).error_code is None


def test_a_request_that_is_withdrawn_after_the_cancellation_is_pushed(
    backend: DreamBackend, videos: HttpFunction
) -> None:
    # GIVEN a video that is cancelled while its render is being requested
    video, names = backend.queued_video(backend.analyzed_dream()), backend.database.names
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    assert outcome(videos, video) == ("cancelled", "cancelled", True, None)
    tag = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id).headers["etag"]

    # WHEN the provider has refused it
    def withdraw() -> None:
        backend.videos.withdraw_render_request(LUNA, video.job_id, utc_now())

    (record,) = changes(backend.database, names.videos_table, withdraw)

    # THEN its count is given back, and the client hears it
    change = change_in(record, names)
    assert isinstance(change, VideoRecord)
    assert backend.presenter.video(change).counted is False
    assert outcome(videos, video) == ("cancelled", "cancelled", True, False)
    assert videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id).headers["etag"] != tag


def test_an_undecided_count_becomes_true_with_a_new_etag(backend: DreamBackend, videos: HttpFunction) -> None:
    # GIVEN a cancelled video whose request died with its function
    video = backend.queued_video(backend.analyzed_dream())
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    backend.videos.cancel(LUNA, video.job_id, utc_now())
    tag = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id).headers["etag"]

    # WHEN some minutes have passed
    backend.now += timedelta(minutes=5).total_seconds()

    # THEN it counts, and a client that asks with its tag is told
    again = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id, headers={"if-none-match": tag})
    assert (again.status, again.body["counted"]) == (200, True)


def test_a_queued_video_is_pending_and_polled_less_often(backend: DreamBackend, videos: HttpFunction) -> None:
    def shown() -> tuple[Any, ...]:
        answer = videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id)
        return answer.body["status"], answer.body["queued_since"], answer.headers["retry-after"]

    video, now = backend.queued_video(backend.analyzed_dream()), utc_now()
    assert shown() == ("pending", None, "2")
    backend.videos.request_render(LUNA, video.job_id, now)
    accepted = backend.videos.record_render(LUNA, video.job_id, "task", 60, now)
    assert shown() == ("pending", None, "5")
    backend.videos.record_progress(accepted, 0, now, now)
    assert shown() == ("pending", to_text(now), "15")
    backend.videos.record_progress(backend.stored_video(LUNA, video.job_id), 0, None, now)
    assert shown() == ("processing", None, "5")
