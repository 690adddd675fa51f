"""A video's history in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dreamvision.operations import history
from dreamvision.operations.history import history_of
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord
from local.cloudformation_yaml import load_template
from tests.conftest import REPOSITORY

START = datetime(2026, 11, 23, 3, 4, tzinfo=UTC)


def video(status: VideoStatus = VideoStatus.FAILED, **fields: Any) -> VideoRecord:
    return VideoRecord(
        user_id="user",
        job_id="job",
        dream_id="dream",
        status=status,
        duration=5,
        created_at=START,
        updated_at=START + timedelta(minutes=5),
        media_token="token",
        **fields,
    )


def event(seconds: int, kind: str, **details: Any) -> dict[str, Any]:
    return {"timestamp": START + timedelta(seconds=seconds), "type": kind, **details}


def entered(seconds: int, state: str) -> dict[str, Any]:
    return event(seconds, "TaskStateEntered", stateEnteredEventDetails={"name": state})


def texts(record: VideoRecord, *events: dict[str, Any]) -> list[str]:
    return [step.text for step in history_of(record, events)]


def test_every_state_has_words() -> None:
    folder = REPOSITORY / "functions/workflows/dream_to_video"
    states = load_template((folder / "dream_to_video.asl.yaml").read_text())["States"]
    silent = {name for name, state in states.items() if state["Type"] == "Choice"}
    assert set(history._STATES) == set(states) - silent


def test_a_failure_is_told_from_request_to_end() -> None:
    record = video(
        error_code="RenderModerationError", render_requested_at=START + timedelta(seconds=4), provider_task_id="task"
    )
    found = texts(
        record,
        event(1, "ExecutionStarted"),
        entered(3, "GenerateVideo"),
        event(6, "LambdaFunctionFailed", lambdaFunctionFailedEventDetails={"error": "RenderModerationError"}),
        event(9, "ExecutionFailed", executionFailedEventDetails={"error": "RenderModerationError"}),
    )
    assert found == [
        "The video was requested.",
        "The execution began.",
        "The render was being requested.",
        "The intent to pay for a render was stored; the provider's task id is stored.",
        "The task failed with RenderModerationError.",
        "The execution failed with RenderModerationError.",
        "The video was closed as failed.",
    ]


def test_a_cause_is_never_shown() -> None:
    details = {"error": "A sentence: I was flying", "cause": "I was flying over a forest"}
    (_, failed, _) = texts(video(), event(6, "LambdaFunctionFailed", lambdaFunctionFailedEventDetails=details))
    assert failed == "The task failed."


def test_polls_are_summed_up() -> None:
    polls = [
        entered(20 + 5 * number + wait, name)
        for number in range(100)
        for wait, name in ((0, "WaitForRender"), (1, "PollVideo"))
    ]
    found = texts(
        video(VideoStatus.COMPLETED, completed_at=START + timedelta(hours=1)), *polls, entered(900, "ArchiveVideo")
    )
    assert found == [
        "The video was requested.",
        "Waiting for the render.",
        "The render's status had been polled 100 times.",
        "The video was being copied to the bucket.",
        "The video was completed.",
    ]


def test_an_open_video_ends_with_its_progress() -> None:
    record = video(VideoStatus.PROCESSING, progress=40, queued_since=START + timedelta(seconds=30))
    assert texts(record)[1:] == [
        "The render has been waiting in the provider's queue since then.",
        "The latest change: processing, 40 %.",
    ]


def test_a_cancelled_video_and_its_stopped_execution() -> None:
    assert texts(video(VideoStatus.CANCELLED), event(60, "ExecutionAborted", executionAbortedEventDetails={})) == [
        "The video was requested.",
        "The execution was stopped.",
        "The video was cancelled.",
    ]
