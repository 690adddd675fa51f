"""Anthropic's Messages API as a function from request to reply (platform.claude.com, API reference)."""

import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from local.sandbox import CLAUDE_KEY
from local.sandbox.claude.models import BY_NAME, MODELS, ClaudeModel
from local.sandbox.claude.prompt_cache import PromptCache
from local.sandbox.claude.responses import ModelResponse, dream_text, generate_response, input_tokens, vendor_id
from local.sandbox.claude.stream import as_events
from local.sandbox.claude.validation import VERSIONS, Call, InvalidRequestError, validate_body
from local.sandbox.control import PREFIX, control_reply
from local.sandbox.faults import CLAUDE_KINDS, Fault, FaultQueue, faults_in
from local.sandbox.http_server import Reply, Request, json_reply
from local.sandbox.request_log import RequestLog, sha256_of, timestamp

_ORGANIZATION = "5f1d7c0e-5a2b-4f0e-9d0a-5a4db0c5a11d"
_REQUESTS_PER_MINUTE = 4_000
_TOKENS_PER_MINUTE = 2_000_000
_TIMEOUT_SECONDS = 60.0
_SLOW_SECONDS = 25.0
_RETRY_AFTER_SECONDS = 2.0
_FAILURES = {
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "rate_limit": (
        429,
        "rate_limit_error",
        "This request would exceed your organization's rate limit. Please try again later.",
    ),
    "error": (500, "api_error", "Internal server error"),
    "auth": (401, "authentication_error", "invalid x-api-key"),
}


class ClaudeApi:
    """The Messages API, with a response time of ``seconds``. Setting ``stopping`` ends every delay at once."""

    def __init__(self, seconds: float, stopping: threading.Event, clock: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._stopping = stopping
        self._clock = clock
        self._request_log = RequestLog()
        self._faults = FaultQueue(CLAUDE_KINDS)
        self._cache = PromptCache(clock)
        self._lock = threading.Lock()
        self._seen_once: set[tuple[str, str]] = set()

    def reset(self) -> None:
        """Delete logged requests, queued faults, the prompt cache and the record of one-time faults."""
        self._request_log.clear()
        self._faults.clear()
        self._cache.clear()
        with self._lock:
            self._seen_once.clear()

    def reject(self, status: int) -> Reply:
        """Build the reply to an unread request: 413 if it is too large, 411 if it has no Content-Length."""
        if status == 413:
            return _error(413, "request_too_large", "Request exceeds the maximum size")
        return _error(status, "invalid_request_error", "Content-Length is required")

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            return control_reply(request, self._faults, self._report, self.reset)
        try:
            version = _check_headers(request)
            return self._route(request, version)
        except InvalidRequestError as error:
            return _error(error.status, error.kind, str(error))

    def _route(self, request: Request, version: str) -> Reply:
        match request.method, request.path:
            case "POST", "/v1/messages":
                return self._messages(request, version)
            case "POST", "/v1/messages/count_tokens":
                return _count_tokens(request)
            case "GET", "/v1/models":
                return _model_list()
            case "GET", path if path.startswith("/v1/models/"):
                return _model(path.removeprefix("/v1/models/"))
            case _, "/v1/messages" | "/v1/models":
                return _error(405, "invalid_request_error", "Method Not Allowed")
        return _error(404, "not_found_error", "Not Found")

    def _messages(self, request: Request, version: str) -> Reply:
        started = self._clock()
        entry: dict[str, object] = {"at": timestamp(started), "model": None, "stop_reason": None}
        text = request.body.decode("utf-8", "replace")
        try:
            call = validate_body(_decoded(request.body), version)
            text = dream_text(call.body["messages"])
            entry |= {"model": call.model.id, "dream_sha256": sha256_of(text)}
            reply, stop_reason = self._respond(call, text)
            entry |= {"status": reply.status, "stop_reason": stop_reason}
            return reply
        except InvalidRequestError as error:
            entry["status"] = error.status
            raise
        finally:
            entry["duration_ms"] = round((self._clock() - started) * 1000)
            self._request_log.add(text, entry)

    def _respond(self, call: Call, dream: str) -> tuple[Reply, str | None]:
        """Return the reply and its stop reason, None for a failure."""
        faults = self._faults_for(dream)
        failure = next((fault for fault in faults if fault.kind in (*_FAILURES, "timeout", "garbage")), None)
        self._stopping.wait(self._delay(faults))
        if failure is not None:
            return _failure(failure), None
        response = generate_response(call, faults)
        usage = self._usage(call, response)
        message = _message(call.model, response, usage)
        headers = _headers(usage)
        if call.body.get("stream"):
            headers["content-type"] = "text/event-stream"
            return Reply(200, as_events(message), headers), response.stop_reason
        return json_reply(200, message, headers), response.stop_reason

    def _faults_for(self, dream: str) -> tuple[Fault, ...]:
        queued = self._faults.take()
        faults = (*([queued] if queued else []), *faults_in(dream, "claude"))
        return tuple(active for fault in faults if (active := self._active(fault, dream)) is not None)

    def _active(self, fault: Fault, dream: str) -> Fault | None:
        """Resolve a one-time fault: ``error_once`` is ``error`` on a dream's first request, and None afterwards."""
        kind = fault.kind.removesuffix("_once")
        if kind == fault.kind or kind == "bad":
            return fault
        key = (fault.kind, sha256_of(dream))
        with self._lock:
            if key in self._seen_once:
                return None
            self._seen_once.add(key)
        return Fault(kind, fault.amount)

    def _delay(self, faults: Sequence[Fault]) -> float:
        for fault in faults:
            if fault.kind == "timeout":
                return fault.amount or _TIMEOUT_SECONDS
            if fault.kind == "slow":
                return _SLOW_SECONDS if fault.amount is None else fault.amount
        return self._seconds

    def _usage(self, call: Call, response: ModelResponse) -> dict[str, Any]:
        total = input_tokens(call.body, call.model.token_factor)
        written, read = self._cache.look_up(call)
        return {
            "input_tokens": max(1, total - written - read),
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": response.output_tokens,
            "service_tier": "standard",
        }

    def _report(self, contains: str) -> dict[str, object]:
        found = self._request_log.find(contains)
        return {"count": len(found), "requests": found}


def _check_headers(request: Request) -> str:
    """Check the API key and return the API version. ``x-api-key`` takes precedence over ``authorization``.

    Raises:
        InvalidRequestError: the key (401) or the version (400) is missing or invalid.
    """
    key = request.headers.get("x-api-key")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if key is None and scheme.lower() != "bearer":
        raise InvalidRequestError("x-api-key header is required", 401, "authentication_error")
    if key is None and token.strip() != CLAUDE_KEY:
        raise InvalidRequestError("Invalid bearer token", 401, "authentication_error")
    if key is not None and key != CLAUDE_KEY:
        raise InvalidRequestError("invalid x-api-key", 401, "authentication_error")
    version = request.headers.get("anthropic-version")
    if version is None:
        raise InvalidRequestError("anthropic-version: header is required")
    if version not in VERSIONS:
        raise InvalidRequestError(f'anthropic-version: "{version}" is not a valid version')
    return version


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise InvalidRequestError(f"The request body is not valid JSON: {error}") from error


def _count_tokens(request: Request) -> Reply:
    body = _decoded(request.body)
    if not isinstance(body, dict):
        raise InvalidRequestError("Input should be a valid dictionary")
    call = validate_body({**body, "max_tokens": 1}, VERSIONS[1])
    return json_reply(200, {"input_tokens": input_tokens(call.body, call.model.token_factor)}, _headers(None))


def _model_list() -> Reply:
    data = [_described(model) for model in MODELS]
    ends = {"first_id": MODELS[0].id, "last_id": MODELS[-1].id, "has_more": False}
    return json_reply(200, {"data": data, **ends}, _headers(None))


def _model(name: str) -> Reply:
    if name not in BY_NAME:
        raise InvalidRequestError(f"model: {name}", 404, "not_found_error")
    return json_reply(200, _described(BY_NAME[name]), _headers(None))


def _described(model: ClaudeModel) -> dict[str, object]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.display_name,
        "created_at": model.created_at,
        "lifecycle": model.lifecycle,
        "max_input_tokens": model.context_tokens,
        "max_tokens": model.max_output_tokens,
    }


def _message(model: ClaudeModel, response: ModelResponse, usage: dict[str, Any]) -> dict[str, Any]:
    is_refusal = response.stop_reason == "refusal"
    details = {"type": "refusal", "category": None, "explanation": None} if is_refusal else None
    return {
        "id": vendor_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model.id,
        "content": response.content,
        "stop_reason": response.stop_reason,
        "stop_sequence": None,
        "stop_details": details,
        "usage": usage,
    }


def _headers(usage: dict[str, Any] | None) -> dict[str, str]:
    used = usage["input_tokens"] + usage["output_tokens"] if usage else 0
    in_a_minute = timestamp(math.ceil(time.time()) + 60)
    return {
        "request-id": vendor_id("req_"),
        "anthropic-organization-id": _ORGANIZATION,
        "anthropic-ratelimit-requests-limit": str(_REQUESTS_PER_MINUTE),
        "anthropic-ratelimit-requests-remaining": str(_REQUESTS_PER_MINUTE - 1),
        "anthropic-ratelimit-requests-reset": in_a_minute,
        "anthropic-ratelimit-tokens-limit": str(_TOKENS_PER_MINUTE),
        "anthropic-ratelimit-tokens-remaining": str(_TOKENS_PER_MINUTE - round(used, -3)),
        "anthropic-ratelimit-tokens-reset": in_a_minute,
    }


def _failure(fault: Fault) -> Reply:
    if fault.kind == "garbage":
        page = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"
        return Reply(200, page, {"content-type": "text/html; charset=utf-8"})
    if fault.kind == "timeout":
        return Reply(reset=True)
    status, kind, message = _FAILURES[fault.kind]
    wait = _RETRY_AFTER_SECONDS if fault.amount is None else fault.amount
    return _error(status, kind, message, {"retry-after": f"{wait:g}"} if fault.kind == "rate_limit" else None)


def _error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    request_id = vendor_id("req_")
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return json_reply(status, body, {**_headers(None), "request-id": request_id, **(headers or {})})
