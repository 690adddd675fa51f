"""At most one paid render per video, across crashes and retries."""

import pytest

from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.service import analyze_and_store, analyze_pending
from dreamvision.media import download  # noqa: F401 - their errors have words for the user
from dreamvision.rendering.errors import (
    RenderBusyError,
    RenderKeyError,
    RenderModerationError,
    RenderOutcomeUnknownError,
)
from dreamvision.rendering.renderer import FailureKind, RenderFailure, RenderState, RenderStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import message_for, record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DreamNotAnalyzedError, VideoFinalError, VideoRecord
from dreamvision.videos.render import cancel_render, poll_render, start_render
from tests.fakes.capacity import Meter
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"


@pytest.fixture
def video(database: Database) -> VideoRecord:
    """A pending video of an analyzed dream."""
    found = VideoLifecycle(database).add_with_dream(USER, new_id(), new_id(), "I was flying", 7, utc_now())
    analyze_pending(USER, found.dream_id, FakeAnalyzer(), DreamRepository(database))
    return found


def start(database: Database, video: VideoRecord, renderer: FakeRenderer) -> None:
    start_render(USER, video.job_id, renderer, DreamRepository(database), VideoLifecycle(database))


def test_the_render_gets_the_prompt_and_the_duration(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer()
    start(database, video, renderer)
    assert renderer.started == [(FakeAnalyzer().outcome.video_prompt, 7)]  # type: ignore[union-attr]
    row = VideoLifecycle(database).get(USER, video.job_id)
    assert (row.status, row.provider_task_id, row.credits) == (VideoStatus.PENDING, renderer.task_ids[0], 84)


def test_a_repeated_start_requests_one_render(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer()
    start(database, video, renderer)
    start(database, video, renderer)
    assert len(renderer.started) == 1


def test_a_lost_response_is_not_retried(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer(start_error=RenderOutcomeUnknownError())
    with pytest.raises(RenderOutcomeUnknownError):
        start(database, video, renderer)
    renderer.start_error = None
    with pytest.raises(RenderOutcomeUnknownError):
        start(database, video, renderer)
    assert len(renderer.started) == 1


def test_a_crash_before_the_task_id_is_stored_is_not_retried(database: Database, video: VideoRecord) -> None:
    VideoLifecycle(database).request_render(USER, video.job_id, utc_now())  # the process crashes right after this
    renderer = FakeRenderer()
    with pytest.raises(RenderOutcomeUnknownError):
        start(database, video, renderer)
    assert renderer.started == []


@pytest.mark.parametrize("refusal", [RenderBusyError(), RenderKeyError()])
def test_a_rejected_request_may_be_retried(database: Database, video: VideoRecord, refusal: DreamVisionError) -> None:
    renderer = FakeRenderer(start_error=refusal)
    with pytest.raises(type(refusal)):
        start(database, video, renderer)
    assert VideoLifecycle(database).get(USER, video.job_id).render_requested_at is None
    renderer.start_error = None
    start(database, video, renderer)
    assert len(renderer.started) == 2
    assert len(renderer.task_ids) == 1


def test_no_render_is_requested_without_a_prompt(database: Database) -> None:
    waiting = VideoLifecycle(database).add_with_dream(USER, new_id(), new_id(), "I was flying", 5, utc_now())
    renderer = FakeRenderer()
    with pytest.raises(DreamNotAnalyzedError):
        start(database, waiting, renderer)
    assert renderer.started == []


def test_no_render_is_requested_for_a_final_video(database: Database, video: VideoRecord) -> None:
    record_failure(USER, video.job_id, "ExecutionAborted", VideoLifecycle(database))
    renderer = FakeRenderer()
    with pytest.raises(VideoFinalError):
        start(database, video, renderer)
    assert renderer.started == []


def test_polling_stores_progress_and_the_start_of_queueing(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer(
        RenderState(RenderStatus.THROTTLED),
        RenderState(RenderStatus.THROTTLED),
        RenderState(RenderStatus.RENDERING, 40),
    )
    videos = VideoLifecycle(database)
    start(database, video, renderer)
    poll_render(USER, video.job_id, renderer, videos)
    queued = videos.get(USER, video.job_id)
    # A task begins in the queue.
    assert (queued.status, queued.queued_since) == (VideoStatus.PENDING, queued.render_requested_at)
    assert queued.queued_since is not None
    poll_render(USER, video.job_id, renderer, videos)
    assert videos.get(USER, video.job_id) == queued
    poll_render(USER, video.job_id, renderer, videos)
    row = videos.get(USER, video.job_id)
    assert (row.status, row.progress, row.queued_since) == (VideoStatus.PROCESSING, 40, None)


def test_a_video_that_is_being_made_does_not_return_to_the_queue(database: Database, video: VideoRecord) -> None:
    # A status that we do not know counts as waiting.
    renderer = FakeRenderer(RenderState(RenderStatus.RENDERING, 40), RenderState(RenderStatus.QUEUED))
    videos = VideoLifecycle(database)
    start(database, video, renderer)
    for _ in range(2):
        poll_render(USER, video.job_id, renderer, videos)
        row = videos.get(USER, video.job_id)
        assert (row.status, row.progress, row.queued_since) == (VideoStatus.PROCESSING, 40, None)


def test_a_queued_video_of_an_earlier_version_is_read(database: Database, video: VideoRecord) -> None:
    """Its status was processing from the acceptance of its render on."""
    renderer = FakeRenderer(RenderState(RenderStatus.QUEUED), RenderState(RenderStatus.RENDERING, 40))
    videos = VideoLifecycle(database)
    start(database, video, renderer)
    since = utc_now()
    database.client.update_item(
        TableName=database.names.videos_table,
        Key={"user_id": USER, "job_id": video.job_id},
        UpdateExpression="SET #status = :processing, queued_since = :since",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":processing": "processing", ":since": to_text(since)},
    )
    poll_render(USER, video.job_id, renderer, videos)
    assert videos.get(USER, video.job_id).queued_since is not None
    poll_render(USER, video.job_id, renderer, videos)
    row = videos.get(USER, video.job_id)
    assert (row.status, row.progress, row.queued_since) == (VideoStatus.PROCESSING, 40, None)


def test_a_poll_without_news_writes_nothing(database: Database, video: VideoRecord) -> None:
    """A render is polled every five seconds for minutes, and each write is also sent to every connected client."""
    waiting, rendering = RenderState(RenderStatus.QUEUED), RenderState(RenderStatus.RENDERING, 40)
    renderer = FakeRenderer(waiting, waiting, waiting, rendering, rendering, RenderState(RenderStatus.RENDERING, 30))
    start(database, video, renderer)
    meter = Meter(database)
    written = []
    for _ in range(7):
        meter.forget()
        poll_render(USER, video.job_id, renderer, VideoLifecycle(database))
        written.append(len(meter.writes))
    # THEN only the begin of queueing and the progress are written: not progress that goes back
    assert written == [1, 0, 0, 1, 0, 0, 0]


def test_no_progress_is_written_to_a_video_closed_during_the_poll(database: Database, video: VideoRecord) -> None:
    videos = VideoLifecycle(database)

    class ClosedMeanwhile(FakeRenderer):
        def status(self, task_id: str) -> RenderState:
            record_failure(USER, video.job_id, "ExecutionAborted", videos)
            return RenderState(RenderStatus.RENDERING, 40)

    renderer = ClosedMeanwhile()
    start(database, video, renderer)
    with pytest.raises(VideoFinalError):
        poll_render(USER, video.job_id, renderer, videos)
    row = videos.get(USER, video.job_id)
    assert (row.status, row.progress) == (VideoStatus.FAILED, 0)


def test_a_failed_render_raises_the_matching_error(database: Database, video: VideoRecord) -> None:
    failure = RenderFailure(FailureKind.MODERATION, "SAFETY.INPUT.TEXT")
    renderer = FakeRenderer(RenderState(RenderStatus.FAILED, failure=failure))
    start(database, video, renderer)
    with pytest.raises(RenderModerationError):
        poll_render(USER, video.job_id, renderer, VideoLifecycle(database))


def test_cancelling_requires_a_task(database: Database, video: VideoRecord) -> None:
    renderer = FakeRenderer()
    cancel_render(USER, video.job_id, renderer, VideoLifecycle(database))
    assert renderer.cancelled == []
    start(database, video, renderer)
    cancel_render(USER, video.job_id, renderer, VideoLifecycle(database))
    assert renderer.cancelled == renderer.task_ids


def test_every_recorded_error_has_its_own_message() -> None:
    assert "content rules" in message_for("RenderModerationError")
    assert message_for("States.Timeout") == message_for("SomethingNobodyKnows")


def test_an_existing_analysis_is_not_requested_again(database: Database, video: VideoRecord) -> None:
    analyzer = FakeAnalyzer()
    analyze_pending(USER, video.dream_id, analyzer, DreamRepository(database))
    assert analyzer.dreams == []


def test_analyzing_and_counting_is_one_transaction(database: Database) -> None:
    dream = analyze_and_store(USER, "I was flying", FakeAnalyzer(), DreamRepository(database), budget_seconds=5)
    assert DreamRepository(database).get(USER, dream.dream_id) == dream
