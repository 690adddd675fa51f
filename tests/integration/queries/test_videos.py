"""``/api/v1/videos`` as API Gateway calls it: status, list, cancelling, and consumed read units."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.ids import new_id
from dreamvision.rendering.errors import RenderCancelUnconfirmedError
from dreamvision.rendering.renderer import RenderTask
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import close_stopped
from dreamvision.videos.models import VideoFinalError, VideoRecord
from dreamvision.videos.render import cancel_render, poll_render, start_render
from tests.fakes.capacity import Meter
from tests.fakes.http_api import Answer, HttpFunction
from tests.fakes.runway import TASK_ID, FakeRenderer
from tests.integration.dreams.fixtures import LUNA, STELLA, DreamBackend

_PATH = "/api/v1/videos/{job_id}"


def _get(videos: HttpFunction, video: VideoRecord, user_id: str = LUNA, **headers: str) -> Answer:
    return videos(user_id, f"GET {_PATH}", job_id=video.job_id, headers=headers)


def _cancel(videos: HttpFunction, video: VideoRecord, user_id: str = LUNA) -> Answer:
    return videos(user_id, f"DELETE {_PATH}", job_id=video.job_id)


def _list(videos: HttpFunction, user_id: str = LUNA, **query: str) -> Answer:
    return videos(user_id, "GET /api/v1/videos", query=query)


# ---------------------------------------------------------------- status


def test_the_status_of_a_video(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.completed_video(backend.analyzed_dream())

    answer = _get(videos, video)

    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "retry-after" not in answer.headers
    expected = {
        "video_id": video.job_id,
        "job_id": video.job_id,
        "dream_id": video.dream_id,
        "status": "completed",
        "progress": 100,
        "duration": 5,
        "error_message": None,
    }
    assert {name: answer.body[name] for name in expected} == expected
    assert f"videos/{LUNA}/{video.job_id}.mp4" in answer.body["video_url"]
    assert video.media_token in answer.body["thumbnail_url"]


def test_reading_the_status_costs_one_and_a_half_read_units(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.completed_video(backend.analyzed_dream())
    meter = Meter(backend.database)

    answer = _get(videos, video)

    assert answer.status == 200
    assert meter.operations == ["GetItem", "GetItem"]
    assert meter.read_units == 1.5
    assert meter.writes == []


def test_a_video_is_found_before_it_is_replicated(backend: DreamBackend) -> None:
    # GIVEN a replica that does not have the video yet
    video = backend.pending_video()
    get_item = backend.database.client.get_item

    def stale(**request: Any) -> Any:
        return get_item(**request) if request.get("ConsistentRead") else {}

    backend.database.client.get_item = stale  # type: ignore[method-assign]

    assert backend.videos.get_eventually(LUNA, video.job_id).job_id == video.job_id


def test_retry_after_depends_on_the_status(backend: DreamBackend, videos: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    processing = backend.processing_video(dream)
    queued = backend.processing_video(dream)
    backend.videos.record_progress(queued, 0, utc_now(), utc_now())

    assert _get(videos, backend.pending_video()).headers["retry-after"] == "2"
    assert _get(videos, processing).headers["retry-after"] == "5"
    assert _get(videos, queued).headers["retry-after"] == "15"
    assert "retry-after" not in _get(videos, backend.failed_video(dream)).headers


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_users_video_and_an_unknown_one_are_indistinguishable(
    backend: DreamBackend, videos: HttpFunction, method: str
) -> None:
    video = backend.processing_video(backend.analyzed_dream())
    before = backend.stored_video(LUNA, video.job_id)

    theirs = videos(STELLA, f"{method} {_PATH}", job_id=video.job_id)
    unknown = videos(STELLA, f"{method} {_PATH}", job_id=new_id())

    assert (theirs.status, theirs.problem) == (unknown.status, unknown.problem) == (404, "video_not_found")
    assert {**theirs.body, "request_id": ...} == {**unknown.body, "request_id": ...}
    assert backend.stored_video(LUNA, video.job_id) == before
    assert backend.states.stopped == []


@pytest.mark.parametrize("job_id", ["x", "11111111-1111-4111-8111-11111111111Z", "A" * 36])
def test_malformed_ids_are_rejected(videos: HttpFunction, job_id: str) -> None:
    assert videos(LUNA, f"GET {_PATH}", job_id=job_id).problem == "validation_failed"


# ---------------------------------------------------------------- list


def test_videos_are_listed_page_by_page(backend: DreamBackend, videos: HttpFunction) -> None:
    dream, _ = backend.analyzed_dream(), backend.pending_video(STELLA)
    made = [backend.queued_video(dream).job_id for _ in range(5)]

    found: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        answer = _list(videos, **query)
        assert answer.status == 200
        found += [video["job_id"] for video in answer.body["videos"]]
        query["cursor"] = answer.body["next_cursor"]

    assert found == made[::-1]
    assert query["cursor"] is None


def test_a_full_last_page_has_no_cursor(backend: DreamBackend, videos: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    for _ in range(4):
        backend.queued_video(dream)

    first = _list(videos, limit="2")
    second = _list(videos, limit="2", cursor=first.body["next_cursor"])

    assert len(second.body["videos"]) == 2
    assert second.body["next_cursor"] is None


def test_videos_are_listed_by_status(backend: DreamBackend, videos: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    for _ in range(3):
        backend.queued_video(dream)
    done = [backend.completed_video(dream).job_id for _ in range(3)]

    first = _list(videos, limit="2", status="completed")
    second = _list(videos, limit="2", status="completed", cursor=first.body["next_cursor"])

    assert [video["job_id"] for video in first.body["videos"] + second.body["videos"]] == done[::-1]
    assert second.body["next_cursor"] is None
    assert _list(videos, status="failed").body == {"videos": [], "limit": 20, "next_cursor": None}


def test_a_filtered_page_is_bounded_and_continues(
    backend: DreamBackend, videos: HttpFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dreamvision.database.pagination._ROWS_PER_FILTERED_QUERY", 2)
    monkeypatch.setattr("dreamvision.database.pagination._FILTERED_ROWS_PER_PAGE", 4)
    dream = backend.analyzed_dream()
    oldest = backend.completed_video(dream).job_id
    for _ in range(5):
        backend.queued_video(dream)

    first = _list(videos, status="completed")
    second = _list(videos, status="completed", cursor=first.body["next_cursor"])

    assert first.body["videos"] == []
    assert [video["job_id"] for video in second.body["videos"]] == [oldest]
    assert second.body["next_cursor"] is None


def test_cursors_are_bound_to_user_and_filter(backend: DreamBackend, videos: HttpFunction) -> None:
    for user_id in (LUNA, STELLA):
        dream = backend.analyzed_dream(user_id)
        for _ in range(3):
            backend.queued_video(dream)
    cursor = _list(videos, limit="1").body["next_cursor"]

    refused = [
        _list(videos, STELLA, cursor=cursor),
        _list(videos, cursor=cursor, status="pending"),
        _list(videos, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        _list(videos, cursor="x"),
    ]

    assert [(answer.status, answer.problem) for answer in refused] == [(422, "validation_failed")] * 4
    assert {tuple(answer.body["errors"][0]["loc"]) for answer in refused} == {("query", "cursor")}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"status": "sleeping"}])
def test_invalid_queries_are_rejected(backend: DreamBackend, videos: HttpFunction, query: dict[str, str]) -> None:
    assert (_list(videos, **query).status, _list(videos, **query).problem) == (422, "validation_failed")


# ---------------------------------------------------------------- cancelling


def test_cancelling_stops_the_execution_and_the_render(backend: DreamBackend, videos: HttpFunction) -> None:
    # GIVEN a video whose render is in progress
    dream = backend.analyzed_dream()
    video = backend.processing_video(dream)

    answer = _cancel(videos, video)

    # THEN it is cancelled, in the video and in the dream, and its execution is stopped
    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert backend.dreams.get(LUNA, dream.dream_id).video_status is VideoStatus.CANCELLED
    assert backend.states.stopped == [video.job_id]
    # AND the rule on stopped executions cancels the render
    close_stopped(LUNA, video.job_id, "ABORTED", backend.videos, backend.renderer)
    assert backend.renderer.cancelled == [video.provider_task_id]
    # AND it does not change any more
    with pytest.raises(VideoFinalError):
        poll_render(LUNA, video.job_id, backend.renderer, backend.videos)


def test_cancelling_again_is_harmless(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.processing_video(backend.analyzed_dream())

    first, second = _cancel(videos, video), _cancel(videos, video)

    assert (first.status, first.body) == (second.status, second.body)


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_final_video_cannot_be_cancelled(backend: DreamBackend, videos: HttpFunction, end: str) -> None:
    video: VideoRecord = getattr(backend, f"{end}_video")(backend.analyzed_dream())

    answer = _cancel(videos, video)

    assert (answer.status, answer.problem) == (409, "video_final")
    assert backend.stored_video(LUNA, video.job_id) == video
    assert backend.states.stopped == []


def test_cancelling_before_the_analysis_lets_the_analysis_finish(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.pending_video()

    assert _cancel(videos, video).body["status"] == "cancelled"

    assert backend.states.stopped == []
    with pytest.raises(VideoFinalError):
        start_render(LUNA, video.job_id, backend.renderer, backend.dreams, backend.videos)
    assert backend.renderer.started == []


def test_an_execution_that_could_not_be_stopped_cancels_the_render(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.processing_video(backend.analyzed_dream())
    backend.states.refusal = "InternalServerException"

    assert _cancel(videos, video).status == 200

    # The next poll finds the video final, and the state machine continues with CancelUnwanted.
    with pytest.raises(VideoFinalError):
        poll_render(LUNA, video.job_id, backend.renderer, backend.videos)
    cancel_render(LUNA, video.job_id, backend.renderer, backend.videos)
    assert backend.renderer.cancelled == [video.provider_task_id]


class _CancelledMeanwhile(FakeRenderer):
    """A renderer that accepts only after the user has cancelled."""

    def __init__(self, videos: HttpFunction, video: VideoRecord) -> None:
        super().__init__()
        self._videos = videos
        self._video = video

    def start(self, *arguments: Any, **options: Any) -> RenderTask:
        task = super().start(*arguments, **options)
        assert _cancel(self._videos, self._video).status == 200
        return task


def test_cancelling_during_the_render_request_cancels_the_render(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.queued_video(backend.analyzed_dream())
    renderer = _CancelledMeanwhile(videos, video)

    with pytest.raises(VideoFinalError):
        start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)

    # THEN the paid render is stored and cancelled
    row = backend.stored_video(LUNA, video.job_id)
    assert (row.status, row.provider_task_id) == (VideoStatus.CANCELLED, renderer.task_ids[0])
    assert renderer.cancelled == renderer.task_ids
    assert backend.states.stopped == [video.job_id]


def test_closing_is_retried_until_the_task_id_is_stored(backend: DreamBackend, videos: HttpFunction) -> None:
    # GIVEN a video that was cancelled after the render request and before the task id was stored
    video = backend.queued_video(backend.analyzed_dream())
    backend.videos.request_render(LUNA, video.job_id, utc_now())
    _cancel(videos, video)

    with pytest.raises(RenderCancelUnconfirmedError):
        close_stopped(LUNA, video.job_id, "ABORTED", backend.videos, backend.renderer)
    backend.videos.record_render(LUNA, video.job_id, TASK_ID, 60, utc_now())
    close_stopped(LUNA, video.job_id, "ABORTED", backend.videos, backend.renderer)

    assert backend.renderer.cancelled == [TASK_ID]


def test_the_first_of_two_concurrent_final_writes_wins(backend: DreamBackend, videos: HttpFunction) -> None:
    """The first write wins, and the second raises."""
    video = backend.processing_video(backend.analyzed_dream())
    move = backend.videos._move

    def completed_just_before(*arguments: Any, **options: Any) -> None:
        backend.videos._move = move  # type: ignore[method-assign]
        backend.videos.fail(LUNA, video.job_id, "RenderFailedError", "It failed.", utc_now())
        move(*arguments, **options)

    backend.videos._move = completed_just_before  # type: ignore[method-assign]
    with pytest.raises(VideoFinalError):
        backend.videos.cancel(LUNA, video.job_id, utc_now())
    with suppress(VideoFinalError):
        backend.service.cancel(LUNA, video.job_id)

    assert backend.stored_video(LUNA, video.job_id).status is VideoStatus.FAILED


def test_times_have_the_documented_format(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.processing_video(backend.analyzed_dream())
    since = utc_now() - timedelta(seconds=3)
    backend.videos.record_progress(video, 0, since, utc_now())

    assert _get(videos, video).body["queued_since"] == to_text(since)
