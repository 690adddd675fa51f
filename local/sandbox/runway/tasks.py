"""Runway's tasks: a queue with limited concurrency, brought up to the current time on every access."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from local.sandbox.faults import Fault
from local.sandbox.runway.validation import GenerationRequest

_PENDING_SHARE = 0.1
_MAX_PENDING_SECONDS = 1.0
_NEVER_FINISHED = frozenset({"throttled", "stuck", "unknown_status"})
_FAILURES = {
    "safety": ("SAFETY.INPUT.TEXT", "Input text was rejected by the content moderation system.", True),
    "output_safety": (
        "SAFETY.OUTPUT.VIDEO",
        "The generated video was rejected by the content moderation system.",
        True,
    ),
    "internal": ("INTERNAL", "An unexpected error occurred.", False),
    "bad_output": ("INTERNAL.BAD_OUTPUT.CODE01", "The generated output did not pass the quality checks.", False),
    "null_failure": (None, "An unexpected error occurred.", False),
}
"""Fault -> failureCode, failure, and whether credits are charged (moderated generations cost as much as successes)."""
_WITHOUT_VIDEO = frozenset(
    {*_FAILURES, *_NEVER_FINISHED, "cancelled", "empty_output", "foreign_host", "not_video", "vanish"}
)
_STORED_NAMES = {"video_id": "film_id", "request": "order"}
"""Attributes whose keys differ in the state file, which existing local stacks have on disk."""


class RenderedVideos(Protocol):
    """State of the video files, as ``FilmQueue`` provides it."""

    def ready_at(self, video_id: str) -> float | None:
        """Return when the file was completed, in seconds since the epoch, or None if it is not complete."""
        ...

    def has_failed(self, video_id: str) -> bool: ...


@dataclass
class Task:
    """One generation. Times are seconds since the epoch; ``started_at`` and ``finished_at`` are None until then."""

    id: str
    video_id: str
    request: GenerationRequest
    faults: tuple[Fault, ...]
    created_at: float
    status: str = "PENDING"
    started_at: float | None = None
    finished_at: float | None = None
    done_once: list[str] = field(default_factory=list)  # one-time faults that have occurred

    def has(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    def once(self, kind: str) -> bool:
        """Return True on the first call with ``kind``, if the task has that fault."""
        if not self.has(kind) or kind in self.done_once:
            return False
        self.done_once.append(kind)
        return True

    @property
    def is_final(self) -> bool:
        return self.finished_at is not None

    @property
    def needs_video(self) -> bool:
        return not any(fault.kind in _WITHOUT_VIDEO for fault in self.faults)

    @property
    def failure(self) -> tuple[str | None, str, bool]:
        """A FAILED task's failureCode, failure and whether credits are charged."""
        named = (_FAILURES[fault.kind] for fault in self.faults if fault.kind in _FAILURES)
        return next(named, _FAILURES["internal"])

    @property
    def charged(self) -> int:
        """Credits charged for a final task."""
        is_charged = self.status == "SUCCEEDED" or (self.status == "FAILED" and self.failure[2])
        return self.request.credits if is_charged else 0


class TaskQueue:
    """All tasks in order of creation. Not thread-safe: callers hold a lock."""

    def __init__(
        self, videos: RenderedVideos, render_seconds: float, concurrency: int, clock: Callable[[], float]
    ) -> None:
        self._videos = videos
        self._pending_seconds = min(_MAX_PENDING_SECONDS, _PENDING_SHARE * render_seconds)
        self._running_seconds = render_seconds - self._pending_seconds
        self._concurrency = concurrency
        self._clock = clock
        self._tasks: dict[str, Task] = {}

    def add(self, request: GenerationRequest, faults: Iterable[Fault]) -> Task:
        task = Task(str(uuid.uuid4()), str(uuid.uuid4()), request, tuple(faults), self._clock())
        self._tasks[task.id] = task
        return task

    def get(self, task_id: str) -> Task | None:
        self.advance()
        return self._tasks.get(task_id)

    def find_by_video(self, video_id: str) -> Task | None:
        return next((task for task in self._tasks.values() if task.video_id == video_id), None)

    def remove(self, task_id: str) -> Task | None:
        """Cancel a running task or delete a final one. In both cases it can no longer be fetched."""
        return self._tasks.pop(task_id, None)

    def all(self) -> list[Task]:
        return list(self._tasks.values())

    def progress(self, task: Task) -> float:
        """Return a running task's progress, 0 to 0.99."""
        seconds = self._running_seconds_of(task)
        if task.started_at is None or seconds <= 0:
            return 0.0
        done = (self._clock() - task.started_at) / seconds
        return round(max(0.0, min(0.99, done)), 2)

    def _running_seconds_of(self, task: Task) -> float:
        requested = next((fault.amount for fault in task.faults if fault.kind == "lasts"), None)
        return self._running_seconds if requested is None else requested

    def advance(self) -> None:
        """Apply every start and finish up to now, in chronological order."""
        now = self._clock()
        while (event := self._next_event(now)) is not None:
            at, task = event
            if task.status == "RUNNING":
                task.finished_at, task.status = at, self._final_status(task)
            else:
                task.started_at, task.status = at, "RUNNING"
        self._mark_throttled(now)

    def dump(self) -> list[dict[str, Any]]:
        """Return the tasks as JSON values for the state file."""
        return [
            {_STORED_NAMES.get(name, name): value for name, value in asdict(task).items()}
            for task in self._tasks.values()
        ]

    def load(self, entries: Iterable[dict[str, Any]]) -> None:
        """Add the tasks of the state file."""
        names = {stored: name for name, stored in _STORED_NAMES.items()}
        for entry in entries:
            values = {names.get(stored, stored): value for stored, value in entry.items()}
            values["request"] = GenerationRequest(**values["request"])
            values["faults"] = tuple(Fault(**fault) for fault in values["faults"])
            task = Task(**values)
            self._tasks[task.id] = task

    def _next_event(self, now: float) -> tuple[float, Task] | None:
        """Return the earliest start or finish that is due, as its time and its task."""
        free_since = self._slot_free_since()
        events = []
        for task in self._tasks.values():
            if task.is_final or task.has("throttled") or task.has("unknown_status"):
                continue
            at = self._finish_time(task) if task.status == "RUNNING" else self._start_time(task, free_since)
            if at is not None and at <= now:
                events.append((at, task))
        return min(events, key=lambda event: event[0]) if events else None

    def _start_time(self, task: Task, free_since: float | None) -> float | None:
        due = task.created_at + self._pending_seconds
        if task.has("stuck"):
            return due
        return None if free_since is None else max(due, free_since)

    def _slot_free_since(self) -> float | None:
        """Return when the last slot became free, or None while all are taken. Stuck tasks occupy no slot."""
        slots = [task for task in self._tasks.values() if task.started_at is not None and not task.has("stuck")]
        if sum(not task.is_final for task in slots) >= self._concurrency:
            return None
        ends = sorted((task.finished_at for task in slots if task.finished_at is not None), reverse=True)
        return ends[0] if ends else 0.0

    def _finish_time(self, task: Task) -> float | None:
        if task.has("stuck") or task.started_at is None:
            return None
        due = task.started_at + self._running_seconds_of(task)
        if not task.needs_video or self._videos.has_failed(task.video_id):
            return due
        ready = self._videos.ready_at(task.video_id)
        return None if ready is None else max(due, ready)

    def _final_status(self, task: Task) -> str:
        if task.has("cancelled"):
            return "CANCELLED"
        has_failed = any(fault.kind in _FAILURES for fault in task.faults)
        return "FAILED" if has_failed or self._videos.has_failed(task.video_id) else "SUCCEEDED"

    def _mark_throttled(self, now: float) -> None:
        for task in self._tasks.values():
            if task.status == "PENDING" and now >= task.created_at + self._pending_seconds:
                task.status = "MYSTERY" if task.has("unknown_status") else "THROTTLED"
