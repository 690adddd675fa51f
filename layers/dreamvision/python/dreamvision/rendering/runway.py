"""Runway's official API (text to video) behind the `VideoRenderer` interface.

Source of every name, limit and status: docs.dev.runwayml.com and the runwayml SDK 5.24 (API version 2024-11-06).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from dreamvision.core.errors import DreamVisionError
from dreamvision.rendering.errors import (
    RenderBusyError,
    RenderCancelUnconfirmedError,
    RenderCreditsError,
    RenderKeyError,
    RenderModerationError,
    RenderOutcomeUnknownError,
    RenderRejectedError,
    RenderStatusUnavailableError,
    RenderTaskLostError,
    RenderUnreachableError,
)
from dreamvision.rendering.renderer import (
    FailureKind,
    RenderFailure,
    RenderState,
    RenderStatus,
    RenderTask,
)

API_VERSION = "2024-11-06"
MAX_PROMPT_UNITS = 1000  # UTF-16 code units, as the API counts `promptText`: an emoji is two


@dataclass(frozen=True, slots=True)
class ModelRules:
    """What one text-to-video model accepts: durations in whole seconds, ratios in pixels."""

    durations: tuple[int, ...]
    ratios: tuple[str, ...]


_VEO = ModelRules((4, 6, 8), ("1280:720", "720:1280", "1920:1080", "1080:1920"))

# Models that take exactly {model, promptText, ratio, duration} and at most 1,000 units of prompt.
# The product offers 5 to 10 seconds; only gen4.5 and gemini_omni_flash can do all of them.
MODELS: Mapping[str, ModelRules] = {
    "gen4.5": ModelRules(tuple(range(2, 11)), ("1280:720", "720:1280")),
    "veo3.1": _VEO,
    "veo3.1_fast": _VEO,
    "kling2.5_turbo_pro": ModelRules(
        (5, 10), ("1920:1080", "1440:1440", "1080:1920", "1280:720", "720:720", "720:1280")
    ),
    "gemini_omni_flash": ModelRules(tuple(range(3, 11)), ("1280:720", "720:1280")),
}


@dataclass(frozen=True, slots=True)
class RunwaySettings:
    """Where and how to render. Timeouts in seconds; ValueError when the model or its ratio is not in `MODELS`."""

    base_url: str = "https://api.dev.runwayml.com"
    model: str = "gen4.5"
    ratio: str = "1280:720"
    connect_timeout: float = 5.0
    # Generous: giving up early on a create call loses a render that is already paid for. The SDK waits 60 s as well.
    create_timeout: float = 60.0
    read_timeout: float = 10.0

    def __post_init__(self) -> None:
        rules = MODELS.get(self.model)
        if rules is None:
            raise ValueError(f"unknown Runway model; known: {', '.join(MODELS)}")
        if self.ratio not in rules.ratios:
            raise ValueError(f"this model takes the ratios {', '.join(rules.ratios)}")

    @property
    def durations(self) -> tuple[int, ...]:
        """Durations in seconds that the chosen model can render."""
        return MODELS[self.model].durations


class RunwayRenderer:
    """A `VideoRenderer` on Runway. Raises RenderKeyError at once when the key cannot be a key.

    Without a `client` it makes its own, with a new connection for every call: on a kept one, a peer that has hung up
    in the meantime looks the same as a request whose answer was lost, and that would spoil a create call.
    """

    def __init__(self, settings: RunwaySettings, api_key: str, client: httpx.Client | None = None) -> None:
        if not re.fullmatch(r"[!-~]+", api_key):
            raise RenderKeyError
        self._settings = settings
        self._base_url = settings.base_url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "X-Runway-Version": API_VERSION,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        self._client = client or httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))

    def start(self, prompt: str, duration_seconds: int) -> RenderTask:
        """Creates one paid task with exactly one HTTP request; see `VideoRenderer.start` for what it raises."""
        self._check(prompt, duration_seconds)
        body = {
            "model": self._settings.model,
            "promptText": prompt,
            "ratio": self._settings.ratio,
            "duration": duration_seconds,
        }
        try:
            response = self._send("POST", "/v1/text_to_video", self._settings.create_timeout, body)
        except _NOTHING_WAS_SENT:
            raise RenderUnreachableError from None
        except httpx.HTTPError:
            raise RenderOutcomeUnknownError from None
        if response.status_code != httpx.codes.OK:
            raise _refusal(response)
        return _created_task(response)

    def status(self, task_id: str) -> RenderState:
        """Reads the task; an unknown status counts as still running, because the provider may add some."""
        try:
            response = self._send("GET", _task_path(task_id), self._settings.read_timeout)
        except httpx.HTTPError:
            raise RenderStatusUnavailableError from None
        if response.status_code == httpx.codes.OK:
            return _task_state(_json_object(response))
        if response.status_code == httpx.codes.NOT_FOUND:
            raise RenderTaskLostError
        if response.status_code in _KEY_REFUSED:
            raise RenderKeyError
        raise RenderStatusUnavailableError

    def cancel(self, task_id: str) -> None:
        """Cancels a running task or deletes a finished one; a task that is gone already (404) is what was wanted."""
        try:
            response = self._send("DELETE", _task_path(task_id), self._settings.read_timeout)
        except httpx.HTTPError:
            raise RenderCancelUnconfirmedError from None
        if response.is_success or response.status_code == httpx.codes.NOT_FOUND:
            return
        if response.status_code in _KEY_REFUSED:
            raise RenderKeyError
        raise RenderCancelUnconfirmedError

    def _check(self, prompt: str, duration_seconds: int) -> None:
        """Refuses what the API would refuse, before anything is sent."""
        try:
            units = len(prompt.encode("utf-16-le")) // 2
        except UnicodeEncodeError:  # half of a surrogate pair: not text, and not encodable as JSON either
            raise RenderRejectedError from None
        if not prompt.strip() or units > MAX_PROMPT_UNITS or duration_seconds not in self._settings.durations:
            raise RenderRejectedError

    def _send(self, method: str, path: str, timeout: float, body: object = None) -> httpx.Response:
        return self._client.request(
            method,
            f"{self._base_url}{path}",
            headers=self._headers,
            content=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
            timeout=httpx.Timeout(timeout, connect=self._settings.connect_timeout),
            follow_redirects=False,
        )


# Failures that come before the first byte of the request leaves: the TCP or TLS connection never came about.
# Every other httpx error (WriteError, ReadError, ReadTimeout, RemoteProtocolError ...) may hide a created task.
_NOTHING_WAS_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_KEY_REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_TURNED_AWAY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_CREDITS = re.compile(r"\bcredits?\b", re.IGNORECASE)
_MODERATION = re.compile(r"\b(?:moderat|content polic|safety)", re.IGNORECASE)


def _refusal(response: httpx.Response) -> DreamVisionError:
    """Why a create call was not answered with a task, and whether one may exist all the same."""
    status = response.status_code
    if status in _TURNED_AWAY:
        return RenderBusyError()
    if status in _KEY_REFUSED:
        return RenderKeyError()
    if status == httpx.codes.PAYMENT_REQUIRED:
        return RenderCreditsError()
    if status == httpx.codes.BAD_REQUEST:
        return _bad_request(response)
    if httpx.codes.is_client_error(status) and status != httpx.codes.REQUEST_TIMEOUT:
        return RenderRejectedError()
    return RenderOutcomeUnknownError()  # 408, 5xx other than 503, a redirect, a 2xx that is not the documented one


def _bad_request(response: httpx.Response) -> DreamVisionError:
    """Tells the two kinds of 400 apart: a validation error lists `issues`, being out of credits is a bare text."""
    body = _json_object(response) or {}
    text = body.get("error")
    if isinstance(text, str) and "issues" not in body:
        if _CREDITS.search(text):
            return RenderCreditsError()
        if _MODERATION.search(text):
            return RenderModerationError()
    return RenderRejectedError()


def _created_task(response: httpx.Response) -> RenderTask:
    """Reads the task's id; without one the task may exist where nobody can find it again."""
    body = _json_object(response)
    task_id = body.get("id") if body is not None else None
    if body is None or not isinstance(task_id, str) or not _is_uuid(task_id):
        raise RenderOutcomeUnknownError
    return RenderTask(task_id, _credits(body.get("estimatedCost")))


def _task_state(task: dict[str, Any] | None) -> RenderState:
    """Reads Runway's task object. Raises RenderStatusUnavailableError when it is none."""
    status = task.get("status") if task is not None else None
    if task is None or not isinstance(status, str):
        raise RenderStatusUnavailableError
    credits_charged = _credits(task.get("cost"))
    match status:
        case "SUCCEEDED":
            return _success(task, credits_charged)
        case "FAILED":
            failure = failure_from_code(task.get("failureCode"))
            return RenderState(RenderStatus.FAILED, failure=failure, credits=credits_charged)
        case "CANCELLED":
            failure = RenderFailure(FailureKind.CANCELLED)
            return RenderState(RenderStatus.FAILED, failure=failure, credits=credits_charged)
        case "PENDING":
            return RenderState(RenderStatus.QUEUED)
        case "THROTTLED":
            return RenderState(RenderStatus.THROTTLED)
        case "RUNNING":
            return RenderState(RenderStatus.RENDERING, _percent(task.get("progress")))
    if "progress" in task:
        return RenderState(RenderStatus.RENDERING, _percent(task["progress"]))
    return RenderState(RenderStatus.QUEUED)


def _success(task: dict[str, Any], credits_charged: int | None) -> RenderState:
    output = task.get("output")
    urls = tuple(url for url in output if isinstance(url, str) and url) if isinstance(output, list) else ()
    if not urls:
        failure = RenderFailure(FailureKind.EMPTY_OUTPUT)
        return RenderState(RenderStatus.FAILED, failure=failure, credits=credits_charged)
    return RenderState(RenderStatus.SUCCEEDED, 100, urls, credits=credits_charged)


def _percent(progress: object) -> int:
    """Runway's 0..1 as 0..99: a hundred is kept for a video that is there."""
    if isinstance(progress, bool) or not isinstance(progress, int | float):
        return 0
    return round(max(0.0, min(progress, 0.99)) * 100)


def _credits(cost: object) -> int | None:
    amount = cost.get("credits") if isinstance(cost, dict) else None
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        return None
    return round(amount)


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    """The body as a JSON object, or None when it is anything else. NaN and infinities are not JSON."""
    try:
        body = json.loads(response.content, parse_constant=lambda name: None)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _task_path(task_id: str) -> str:
    if not _is_uuid(task_id):
        raise ValueError("a Runway task id is a UUID")
    return f"/v1/tasks/{task_id}"


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


# Prefixes of Runway's failure codes (docs.dev.runwayml.com/errors/task-failures). The list is open, so the longest
# known prefix decides and a code that nobody has seen is the provider's own trouble.
_FAILURE_CODES: tuple[tuple[str, FailureKind], ...] = (
    ("INPUT_PREPROCESSING.SAFETY", FailureKind.MODERATION),
    ("SAFETY", FailureKind.MODERATION),
    ("INTERNAL.BAD_OUTPUT", FailureKind.BAD_OUTPUT),
    ("ASSET", FailureKind.INVALID_INPUT),
)

_CODE_SHAPE = re.compile(r"[A-Z0-9_]+(?:\.[A-Z0-9_]+)*")
_MAX_CODE_LENGTH = 64


def failure_from_code(code: object) -> RenderFailure:
    """Reads a provider's failure code (`SAFETY.INPUT.TEXT`, may be missing) into a failure of ours, by prefix.

    Anything that is not shaped like a code is dropped, because codes are stored and logged and texts must not be.
    """
    if not isinstance(code, str) or len(code) > _MAX_CODE_LENGTH or not _CODE_SHAPE.fullmatch(code):
        return RenderFailure(FailureKind.PROVIDER)
    for prefix, kind in _FAILURE_CODES:
        if code == prefix or code.startswith(f"{prefix}."):
            return RenderFailure(kind, code)
    return RenderFailure(FailureKind.PROVIDER, code)
