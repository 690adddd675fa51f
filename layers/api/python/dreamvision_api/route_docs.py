"""What a route's signature cannot express: further responses, errors and request headers.

``make openapi`` reads these and adds what every route, every route with a body and every route with a token can return.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import BaseModel

_ATTRIBUTE = "__route_doc__"

# Keys of dreamvision_api.problems.PROBLEMS.
ANALYSIS_ERRORS = (
    "DreamRefusedError",
    "AnalysisTruncatedError",
    "AnalysisInvalidError",
    "ClaudeProtocolError",
    "ClaudeOverloadedError",
    "ClaudeTimeoutError",
    "ClaudeUnreachableError",
    "ClaudeKeyError",
)
# Raised by dreamvision_api.idempotency.idempotent_request.
SPENDING_ERRORS = ("RateLimitedError", "IdempotencyKeyReusedError", "RequestInProgressError")
# Raised when a video is created.
QUOTA_ERRORS = (
    "VideoQuotaExceededError",
    "TooManyRunningVideosError",
    "PremiumReserveError",
    "ServiceQuotaExceededError",
    "UserPausedError",
)
# Raised when a dream is to be analyzed.
ANALYSIS_QUOTA_ERRORS = ("AnalysisQuotaExceededError", "ServiceAnalysesExceededError", "UserPausedError")


class ResponseDoc(NamedTuple):
    """A successful response: a JSON model, or the ``content_type`` of another body, or neither for no body.

    ``headers`` are keys of ``local.openapi.components.HEADERS``.
    """

    status: HTTPStatus
    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    content_type: str | None = None


class RouteDoc(NamedTuple):
    """The documentation of a route. Without ``responses`` it is a 200 with the function's return type."""

    responses: tuple[ResponseDoc, ...] = ()
    errors: tuple[str, ...] = ()
    request_headers: tuple[str, ...] = ()


def document[**Arguments, Result](
    *responses: ResponseDoc, errors: tuple[str, ...] = (), request_headers: tuple[str, ...] = ()
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Document a route. Place it below the route's own decorator.

    ``errors`` are keys of ``problems.PROBLEMS``, so the documented statuses and types are always the real ones.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        function.__dict__[_ATTRIBUTE] = RouteDoc(responses, errors, request_headers)
        return function

    return decorate


def route_doc(function: Callable[..., Any]) -> RouteDoc:
    """Return the documentation of a route's function; empty if it has none."""
    doc: RouteDoc = function.__dict__.get(_ATTRIBUTE, RouteDoc())
    return doc
