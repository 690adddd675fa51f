"""Runway's tasks: a queue with limited concurrency, played forward to the present whenever somebody looks."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from local.sandbox.faults import Fault
from local.sandbox.runway.validation import Order

_PENDING_SHARE = 0.1
_MAX_PENDING_SECONDS = 1.0
_FOR_EVER = frozenset({"throttled", "stuck", "unknown_status"})
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
"""Fault -> failureCode, failure, and whether it is charged (moderated generations cost as much as successful ones)."""
_NO_FILM = frozenset({*_FAILURES, *_FOR_EVER, "cancelled", "empty_output", "foreign_host", "not_video", "vanish"})


class Films(Protocol):
    """Who makes the video files."""

    def ready_at(self, film_id: str) -> float | None:
        """When the film was finished, in seconds since the epoch; None while it is not."""
        ...

    def has_failed(self, film_id: str) -> bool: ...


@dataclass
class Task:
    """One generation. Times are seconds since the epoch; ``started_at`` and ``finished_at`` None until they happen."""

    id: str
    film_id: str
    order: Order
    faults: tuple[Fault, ...]
    created_at: float
    status: str = "PENDING"
    started_at: float | None = None
    finished_at: float | None = None
    done_once: list[str] = field(default_factory=list)

    def has(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    def once(self, kind: str) -> bool:
        """True for the first call with ``kind`` when the task carries that fault."""
        if not self.has(kind) or kind in self.done_once:
            return False
        self.done_once.append(kind)
        return True

    @property
    def is_final(self) -> bool:
        return self.finished_at is not None

    @property
    def needs_film(self) -> bool:
        return not any(fault.kind in _NO_FILM for fault in self.faults)

    @property
    def failure(self) -> tuple[str | None, str, bool]:
        """failureCode, failure and whether it is charged, of a FAILED task."""
        named = (_FAILURES[fault.kind] for fault in self.faults if fault.kind in _FAILURES)
        return next(named, _FAILURES["internal"])

    @property
    def charged(self) -> int:
        """Credits that a final task cost."""
        is_charged = self.status == "SUCCEEDED" or (self.status == "FAILED" and self.failure[2])
        return self.order.credits if is_charged else 0


class TaskBook:
    """All tasks in order of creation. Not safe between threads: its owner holds a lock."""

    def __init__(self, films: Films, render_seconds: float, concurrency: int, clock: Callable[[], float]) -> None:
        self._films = films
        self._pending_seconds = min(_MAX_PENDING_SECONDS, _PENDING_SHARE * render_seconds)
        self._running_seconds = render_seconds - self._pending_seconds
        self._concurrency = concurrency
        self._clock = clock
        self._tasks: dict[str, Task] = {}

    def add(self, order: Order, faults: Iterable[Fault]) -> Task:
        task = Task(str(uuid.uuid4()), str(uuid.uuid4()), order, tuple(faults), self._clock())
        self._tasks[task.id] = task
        return task

    def get(self, task_id: str) -> Task | None:
        self.advance()
        return self._tasks.get(task_id)

    def of_film(self, film_id: str) -> Task | None:
        return next((task for task in self._tasks.values() if task.film_id == film_id), None)

    def remove(self, task_id: str) -> Task | None:
        """Cancel or delete, whichever the status asks for: either way the task can no longer be fetched."""
        return self._tasks.pop(task_id, None)

    def clear(self) -> None:
        self._tasks.clear()

    def all(self) -> list[Task]:
        return list(self._tasks.values())

    def progress(self, task: Task) -> float:
        """How much of a running task is done, 0 to 0.99."""
        seconds = self._running_seconds_of(task)
        if task.started_at is None or seconds <= 0:
            return 0.0
        done = (self._clock() - task.started_at) / seconds
        return round(max(0.0, min(0.99, done)), 2)

    def _running_seconds_of(self, task: Task) -> float:
        asked = next((fault.amount for fault in task.faults if fault.kind == "lasts"), None)
        return self._running_seconds if asked is None else asked

    def advance(self) -> bool:
        """Play every event up to now in its order; True when something changed."""
        now, changed = self._clock(), False
        while (event := self._next_event(now)) is not None:
            at, task = event
            if task.status == "RUNNING":
                task.finished_at, task.status = at, self._ending(task)
            else:
                task.started_at, task.status = at, "RUNNING"
            changed = True
        return self._mark_throttled(now) or changed

    def dump(self) -> list[dict[str, Any]]:
        return [asdict(task) for task in self._tasks.values()]

    def load(self, entries: Iterable[dict[str, Any]]) -> None:
        for entry in entries:
            order, faults = Order(**entry["order"]), tuple(Fault(**fault) for fault in entry["faults"])
            task = Task(**{**entry, "order": order, "faults": faults})
            self._tasks[task.id] = task

    def _next_event(self, now: float) -> tuple[float, Task] | None:
        """The earliest start or finish that is due: (when it happened, the task)."""
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
        """When the last slot was given back; None while all are taken. Stuck tasks take none: they are no real load."""
        slots = [task for task in self._tasks.values() if task.started_at is not None and not task.has("stuck")]
        if sum(not task.is_final for task in slots) >= self._concurrency:
            return None
        ends = sorted((task.finished_at for task in slots if task.finished_at is not None), reverse=True)
        return ends[0] if ends else 0.0

    def _finish_time(self, task: Task) -> float | None:
        if task.has("stuck") or task.started_at is None:
            return None
        due = task.started_at + self._running_seconds_of(task)
        if not task.needs_film or self._films.has_failed(task.film_id):
            return due
        ready = self._films.ready_at(task.film_id)
        return None if ready is None else max(due, ready)

    def _ending(self, task: Task) -> str:
        if task.has("cancelled"):
            return "CANCELLED"
        has_failed = any(fault.kind in _FAILURES for fault in task.faults)
        return "FAILED" if has_failed or self._films.has_failed(task.film_id) else "SUCCEEDED"

    def _mark_throttled(self, now: float) -> bool:
        changed = False
        for task in self._tasks.values():
            if task.status == "PENDING" and now >= task.created_at + self._pending_seconds:
                task.status, changed = ("MYSTERY" if task.has("unknown_status") else "THROTTLED"), True
        return changed
