"""A video's history in words, from the times in its row and the events of its execution."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from dreamvision.operations.answers import Step
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord

_STATES: Final[Mapping[str, str]] = {
    "AnalyzeDream": "The analysis by Claude began.",
    "GenerateVideo": "The render was being requested.",
    "ConfirmRender": "It was being checked whether the render had been requested.",
    "WaitForRender": "Waiting for the render.",
    "PollVideo": "The render's status was polled.",
    "CancelRender": "The render was being cancelled.",
    "CancelUnwanted": "The render of a video that was already closed was being cancelled.",
    "ArchiveVideo": "The video was being copied to the bucket.",
    "VideoCompleted": "The execution reached its end with a finished video.",
    "VideoClosed": "The execution found the video closed or deleted and ended.",
    "RecordFailure": "The failure was being recorded.",
    "DreamFailed": "The execution ended as failed.",
}
_ENDS: Final[Mapping[str, str]] = {
    "ExecutionStarted": "The execution began.",
    "ExecutionSucceeded": "The execution succeeded.",
    "ExecutionFailed": "The execution failed",
    "ExecutionAborted": "The execution was stopped",
    "ExecutionTimedOut": "The execution timed out",
}
_TASKS: Final[Mapping[str, str]] = {
    "LambdaFunctionFailed": "The task failed",
    "LambdaFunctionScheduleFailed": "The task could not be invoked",
    "LambdaFunctionStartFailed": "The task could not be started",
    "LambdaFunctionTimedOut": "The task timed out",
    "TaskFailed": "The task failed",
    "TaskTimedOut": "The task timed out",
}
# Class names and codes such as Lambda.Unknown. An event's ``cause`` is never used: it is a library's text.
_ERROR_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,79}")
_FINAL: Final[Mapping[VideoStatus, str]] = {
    VideoStatus.FAILED: "The video was closed as failed.",
    VideoStatus.CANCELLED: "The video was cancelled.",
}
# A render is polled every few seconds: its states are summed up.
_REPEATED = (_STATES["WaitForRender"], _STATES["PollVideo"])


def history_of(video: VideoRecord, events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the steps, oldest first."""
    steps = [*_steps_of_row(video), *_summed_up(_steps_of_events(events))]
    return sorted(steps, key=lambda step: step.at)


def _steps_of_row(video: VideoRecord) -> Iterator[Step]:
    yield Step(at=video.created_at, text="The video was requested.")
    if video.render_requested_at is not None:
        stored = "stored" if video.provider_task_id is not None else "not stored"
        text = f"The intent to pay for a render was stored; the provider's task id is {stored}."
        yield Step(at=video.render_requested_at, text=text)
    if video.queued_since is not None:
        yield Step(at=video.queued_since, text="The render has been waiting in the provider's queue since then.")
    if video.completed_at is not None:
        yield Step(at=video.completed_at, text="The video was completed.")
    if video.status in _FINAL:
        # updated_at may be later: a task id that arrived after the end is stored as well.
        yield Step(at=video.updated_at, text=_FINAL[video.status])
    elif not video.status.is_final:
        yield Step(at=video.updated_at, text=f"The latest change: {video.status}, {video.progress} %.")


def _steps_of_events(events: Iterable[Mapping[str, Any]]) -> Iterator[Step]:
    for event in events:
        kind = str(event["type"])
        entered = event.get("stateEnteredEventDetails", {}).get("name")
        if entered in _STATES:
            yield Step(at=event["timestamp"], text=_STATES[entered])
        elif kind in _TASKS or kind in _ENDS:
            text = _TASKS.get(kind) or _ENDS[kind]
            yield Step(at=event["timestamp"], text=text if text.endswith(".") else f"{text}{_error_in(event)}.")


def _error_in(event: Mapping[str, Any]) -> str:
    """Return the error's name in an event's details, as `` with <name>``; empty without one."""
    for name, details in event.items():
        if name.endswith("EventDetails") and _ERROR_NAME.fullmatch(str(details.get("error", ""))):
            return f" with {details['error']}"
    return ""


def _summed_up(steps: Iterable[Step]) -> Iterator[Step]:
    """Replace each run of polls by its first and last one."""
    for is_poll, run in groupby(steps, key=lambda step: step.text in _REPEATED):
        found = list(run)
        if is_poll and len(found) > 2:
            polls = sum(step.text == _STATES["PollVideo"] for step in found)
            yield Step(at=found[0].at, text=_STATES["WaitForRender"])
            yield Step(at=found[-1].at, text=f"The render's status had been polled {polls} times.")
        else:
            yield from found
