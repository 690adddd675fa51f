"""What the signature of a route cannot say: its further answers, its errors, and the headers that it reads.

This only takes notes. The document is made from them by ``make openapi``, which knows the rest: what every route, every
route with a body and every route with a token can answer besides.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import BaseModel

_KEY = "__documentation__"

# By the names of dreamvision_api.problems.PROBLEMS.
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

# Of the routes that cost money (dreamvision_api.limits.spending), and of those that start a video.
SPENDING_ERRORS = ("RateLimitedError", "IdempotencyKeyReusedError", "RequestInProgressError")
QUOTA_ERRORS = ("VideoQuotaExceededError", "TooManyRunningVideosError", "ServiceQuotaExceededError")


class ResponseDoc(NamedTuple):
    """One good answer: its JSON model, or ``content_type`` of another body, or neither where there is no body.

    ``headers`` are names that the document's table of headers knows.
    """

    status: HTTPStatus
    model: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    content_type: str | None = None


class RouteDoc(NamedTuple):
    """Notes on a route. Without ``answers`` it is a 200 with what the function's signature says."""

    answers: tuple[ResponseDoc, ...] = ()
    errors: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


def documented[**Arguments, Result](
    *answers: ResponseDoc, errors: tuple[str, ...] = (), reads: tuple[str, ...] = ()
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Note, below the route's own decorator, what it answers and which request headers it ``reads``.

    ``errors`` are class names of ``problems.PROBLEMS``, so that statuses and types cannot differ from the real ones.
    """

    def note(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        function.__dict__[_KEY] = RouteDoc(answers, errors, reads)
        return function

    return note


def documentation_of(function: Callable[..., Any]) -> RouteDoc:
    """The notes on a route's function; empty where nobody made any."""
    found: RouteDoc = function.__dict__.get(_KEY, RouteDoc())
    return found
