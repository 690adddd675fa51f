"""`VideoRenderer` on Runway's official text-to-video API.

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

from dreamvision.core.aspect_ratios import AspectRatio
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
MAX_PROMPT_UNITS = 1000  # UTF-16 code units, as the API counts `promptText`; an emoji is two


@dataclass(frozen=True, slots=True)
class ModelRules:
    """Limits of one text-to-video model: durations in whole seconds, and whether it takes a seed."""

    durations: tuple[int, ...]
    takes_seed: bool = True


# The API's name of each shape, in pixels. Every model in `MODELS` takes both.
RATIOS: Mapping[AspectRatio, str] = {AspectRatio.LANDSCAPE: "1280:720", AspectRatio.PORTRAIT: "720:1280"}

_VEO = ModelRules((4, 6, 8))

# Models that accept {model, promptText, ratio, duration}, most of them also seed, and prompts of at most 1,000 UTF-16
# units.
# The product offers 5 to 10 seconds; only gen4.5 and gemini_omni_flash support all of them.
MODELS: Mapping[str, ModelRules] = {
    "gen4.5": ModelRules(tuple(range(2, 11))),
    "veo3.1": _VEO,
    "veo3.1_fast": _VEO,
    "kling2.5_turbo_pro": ModelRules((5, 10), takes_seed=False),
    "gemini_omni_flash": ModelRules(tuple(range(3, 11)), takes_seed=False),
}


@dataclass(frozen=True, slots=True)
class RunwaySettings:
    """Connection and model settings. Timeouts in seconds.

    Raises:
        ValueError: the model is not in `MODELS`.
    """

    base_url: str = "https://api.dev.runwayml.com"
    model: str = "gen4.5"
    connect_timeout: float = 5.0
    # Generous: abandoning a create call loses a render that is already paid for. The SDK also waits 60 s.
    create_timeout: float = 60.0
    read_timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"unknown Runway model; known: {', '.join(MODELS)}")

    @property
    def rules(self) -> ModelRules:
        """The limits of the configured model."""
        return MODELS[self.model]


class RunwayRenderer:
    """A `VideoRenderer` on Runway.

    The default `client` opens a new connection for every call. On a kept-alive connection, a peer that has closed it
    in the meantime is indistinguishable from a lost response, which would make a create call fail as unknown.

    Raises:
        RenderKeyError: the key contains characters that no key can contain.
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

    def start(
        self,
        prompt: str,
        duration_seconds: int,
        aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE,
        seed: int | None = None,
    ) -> RenderTask:
        """Create one paid task with exactly one HTTP request. Errors: see `VideoRenderer.start`."""
        self._validate(prompt, duration_seconds)
        body: dict[str, object] = {
            "model": self._settings.model,
            "promptText": prompt,
            "ratio": RATIOS[aspect_ratio],
            "duration": duration_seconds,
        }
        if seed is not None and self._settings.rules.takes_seed:
            body["seed"] = seed
        try:
            response = self._send("POST", "/v1/text_to_video", self._settings.create_timeout, body)
        except _NOTHING_SENT:
            raise RenderUnreachableError from None
        except httpx.HTTPError:
            raise RenderOutcomeUnknownError from None
        if response.status_code != httpx.codes.OK:
            raise _create_error(response)
        return _created_task(response)

    def status(self, task_id: str) -> RenderState:
        """Read the task. An unknown status counts as still running, because the provider may add new ones."""
        try:
            response = self._send("GET", _task_path(task_id), self._settings.read_timeout)
        except httpx.HTTPError:
            raise RenderStatusUnavailableError from None
        if response.status_code == httpx.codes.OK:
            return _parse_task(_json_object(response))
        if response.status_code == httpx.codes.NOT_FOUND:
            raise RenderTaskLostError
        if response.status_code in _KEY_REJECTED:
            raise RenderKeyError
        raise RenderStatusUnavailableError

    def cancel(self, task_id: str) -> None:
        """Cancel a running task or delete a finished one. A task that no longer exists (404) counts as cancelled."""
        try:
            response = self._send("DELETE", _task_path(task_id), self._settings.read_timeout)
        except httpx.HTTPError:
            raise RenderCancelUnconfirmedError from None
        if response.is_success or response.status_code == httpx.codes.NOT_FOUND:
            return
        if response.status_code in _KEY_REJECTED:
            raise RenderKeyError
        raise RenderCancelUnconfirmedError

    def _validate(self, prompt: str, duration_seconds: int) -> None:
        """Reject locally what the API would reject.

        Raises:
            RenderRejectedError: the prompt is empty, too long or not encodable, or the duration is not offered.
        """
        try:
            units = len(prompt.encode("utf-16-le")) // 2
        except UnicodeEncodeError:  # a lone surrogate, which JSON in UTF-8 cannot carry
            raise RenderRejectedError from None
        if not prompt.strip() or units > MAX_PROMPT_UNITS or duration_seconds not in self._settings.rules.durations:
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


# Failures before the first byte of the request is sent: the TCP or TLS connection was never established.
# After any other httpx error (WriteError, ReadError, ReadTimeout, RemoteProtocolError ...) a task may exist.
_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_KEY_REJECTED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_BUSY = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_CREDITS_PATTERN = re.compile(r"\bcredits?\b", re.IGNORECASE)
_MODERATION_PATTERN = re.compile(r"\b(?:moderat|content polic|safety)", re.IGNORECASE)


def _create_error(response: httpx.Response) -> DreamVisionError:
    """Map the error response of a create call to an error, which states whether a task may exist."""
    status = response.status_code
    if status in _BUSY:
        return RenderBusyError()
    if status in _KEY_REJECTED:
        return RenderKeyError()
    if status == httpx.codes.PAYMENT_REQUIRED:
        return RenderCreditsError()
    if status == httpx.codes.BAD_REQUEST:
        return _bad_request_error(response)
    if httpx.codes.is_client_error(status) and status != httpx.codes.REQUEST_TIMEOUT:
        return RenderRejectedError()
    return RenderOutcomeUnknownError()  # 408, 5xx other than 503, a redirect, an undocumented 2xx


def _bad_request_error(response: httpx.Response) -> DreamVisionError:
    """Distinguish the kinds of 400: a validation error has `issues`; out of credits or moderation is plain text."""
    body = _json_object(response) or {}
    text = body.get("error")
    if isinstance(text, str) and "issues" not in body:
        if _CREDITS_PATTERN.search(text):
            return RenderCreditsError()
        if _MODERATION_PATTERN.search(text):
            return RenderModerationError()
    return RenderRejectedError()


def _created_task(response: httpx.Response) -> RenderTask:
    """Parse the created task.

    Raises:
        RenderOutcomeUnknownError: the response has no valid task id; a task may exist that cannot be found again.
    """
    body = _json_object(response)
    task_id = body.get("id") if body is not None else None
    if body is None or not isinstance(task_id, str) or not _is_uuid(task_id):
        raise RenderOutcomeUnknownError
    return RenderTask(task_id, _parse_credits(body.get("estimatedCost")))


def _parse_task(task: dict[str, Any] | None) -> RenderState:
    """Parse Runway's task object.

    Raises:
        RenderStatusUnavailableError: it is not a task object.
    """
    status = task.get("status") if task is not None else None
    if task is None or not isinstance(status, str):
        raise RenderStatusUnavailableError
    credits_charged = _parse_credits(task.get("cost"))
    match status:
        case "SUCCEEDED":
            return _succeeded_state(task, credits_charged)
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
            return RenderState(RenderStatus.RENDERING, _to_percent(task.get("progress")))
    if "progress" in task:
        return RenderState(RenderStatus.RENDERING, _to_percent(task["progress"]))
    return RenderState(RenderStatus.QUEUED)


def _succeeded_state(task: dict[str, Any], credits_charged: int | None) -> RenderState:
    output = task.get("output")
    urls = tuple(url for url in output if isinstance(url, str) and url) if isinstance(output, list) else ()
    if not urls:
        failure = RenderFailure(FailureKind.EMPTY_OUTPUT)
        return RenderState(RenderStatus.FAILED, failure=failure, credits=credits_charged)
    return RenderState(RenderStatus.SUCCEEDED, 100, urls, credits=credits_charged)


def _to_percent(progress: object) -> int:
    """Convert Runway's 0..1 to 0..99; 100 is reserved for a finished video."""
    if isinstance(progress, bool) or not isinstance(progress, int | float):
        return 0
    return round(max(0.0, min(progress, 0.99)) * 100)


def _parse_credits(cost: object) -> int | None:
    amount = cost.get("credits") if isinstance(cost, dict) else None
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
        return None
    return round(amount)


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    """Return the body if it is a JSON object, else None. NaN and infinities, which are not JSON, become None."""
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


# Prefixes of Runway's failure codes (docs.dev.runwayml.com/errors/task-failures), an open list. The most specific known
# prefix decides; an unknown code counts as a failure of the provider.
_FAILURE_CODES: tuple[tuple[str, FailureKind], ...] = (
    ("INPUT_PREPROCESSING.SAFETY", FailureKind.MODERATION),
    ("SAFETY", FailureKind.MODERATION),
    ("INTERNAL.BAD_OUTPUT", FailureKind.BAD_OUTPUT),
    ("ASSET", FailureKind.INVALID_INPUT),
)

_CODE_PATTERN = re.compile(r"[A-Z0-9_]+(?:\.[A-Z0-9_]+)*")
_MAX_CODE_LENGTH = 64


def failure_from_code(code: object) -> RenderFailure:
    """Map a provider's failure code (such as `SAFETY.INPUT.TEXT`; may be missing) to a `RenderFailure`, by prefix.

    Anything that is not shaped like a code is dropped: codes are stored and logged, free text must not be.
    """
    if not isinstance(code, str) or len(code) > _MAX_CODE_LENGTH or not _CODE_PATTERN.fullmatch(code):
        return RenderFailure(FailureKind.PROVIDER)
    for prefix, kind in _FAILURE_CODES:
        if code == prefix or code.startswith(f"{prefix}."):
            return RenderFailure(kind, code)
    return RenderFailure(FailureKind.PROVIDER, code)
