"""An in-memory renderer, and Runway's responses verbatim."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.errors import DreamVisionError
from dreamvision.rendering.errors import RenderTaskLostError
from dreamvision.rendering.renderer import RenderState, RenderStatus, RenderTask

TASK_ID = "17f20503-6c24-4c16-946b-35dbbce2af2f"
OUTPUT_URL = "https://dnznrvs05pmza.cloudfront.net/17f20503.mp4?_jwt=abc"
SUCCESS = RenderState(RenderStatus.SUCCEEDED, 100, (OUTPUT_URL,), credits=60)


class FakeRenderer:
    """A `VideoRenderer` that returns the given states, one per status call; the last one stays.

    `start_error`, `status_error` and `cancel_error` are raised instead while they are set. Calls are recorded in
    `started` (prompt and seconds), `shapes` (ratio and seed), `checked` and `cancelled` (task ids). Like the real
    renderer, it sends no request for a task id that is not a UUID.
    """

    def __init__(
        self,
        *states: RenderState,
        start_error: Exception | None = None,
        status_error: DreamVisionError | None = None,
    ) -> None:
        self.states = list(states or (SUCCESS,))
        self.start_error = start_error
        self.status_error = status_error
        self.cancel_error: DreamVisionError | None = None
        self.started: list[tuple[str, int]] = []
        self.shapes: list[tuple[AspectRatio, int | None]] = []
        self.checked: list[str] = []
        self.cancelled: list[str] = []
        self.task_ids: list[str] = []

    def start(
        self,
        prompt: str,
        duration_seconds: int,
        aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE,
        seed: int | None = None,
    ) -> RenderTask:
        self.started.append((prompt, duration_seconds))
        self.shapes.append((aspect_ratio, seed))
        if self.start_error is not None:
            raise self.start_error
        self.task_ids.append(new_task_id())
        return RenderTask(self.task_ids[-1], estimated_credits=12 * duration_seconds)

    def status(self, task_id: str) -> RenderState:
        _require_uuid(task_id)
        self.checked.append(task_id)
        if self.status_error is not None:
            raise self.status_error
        if task_id in self.cancelled:
            raise RenderTaskLostError
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def cancel(self, task_id: str) -> None:
        _require_uuid(task_id)
        if self.cancel_error is not None:
            raise self.cancel_error
        self.cancelled.append(task_id)


def new_task_id() -> str:
    return str(uuid4())


def _require_uuid(task_id: object) -> None:
    if not isinstance(task_id, str) or str(UUID(task_id)) != task_id:
        raise ValueError("a Runway task id is a UUID")


class ScriptedRunway:
    """An in-memory transport for an `httpx.Client`: returns a response or raises an exception."""

    def __init__(self, answer: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answer = answer
        self.requests: list[httpx.Request] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer(request) if callable(self._answer) else self._answer


def created(credits_estimated: int = 60) -> httpx.Response:
    return httpx.Response(200, json={"id": TASK_ID, "estimatedCost": {"credits": credits_estimated}})


def task(status: object, **fields: Any) -> httpx.Response:
    return httpx.Response(
        200, json={"id": TASK_ID, "createdAt": "2026-08-26T06:30:33.796Z", "status": status, **fields}
    )


def problem(status: int, text: str, issues: list[dict[str, Any]] | None = None) -> httpx.Response:
    body: dict[str, Any] = {"error": text, "docUrl": "https://docs.dev.runwayml.com/api"}
    return httpx.Response(status, json=body if issues is None else body | {"issues": issues})
