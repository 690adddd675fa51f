"""Problem responses: ``application/problem+json`` (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

from aws_lambda_powertools.event_handler import Response

from dreamvision.core.errors import DreamVisionError
from dreamvision_api.problems import CONTENT_TYPE, TYPE_PREFIX, Problem, problem_for

# A body within the limit can have thousands of unknown keys.
MAX_ERRORS = 20


def problem_response(
    problem: Problem,
    *,
    detail: str,
    request_id: str,
    errors: Sequence[Mapping[str, Any]] = (),
    extra: Mapping[str, Any] | None = None,
) -> Response[str]:
    """Return the response for a problem, with ``request_id`` and ``extra`` members.

    ``errors`` are the invalid values, of which the first ``MAX_ERRORS`` are listed.
    """
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.code,
        "title": problem.title,
        "status": int(problem.status),
        "detail": detail,
        "request_id": request_id,
        **(extra or {}),
    }
    if errors:
        body["errors"] = list(errors[:MAX_ERRORS])
    headers: dict[str, str | list[str]] = {}
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status_code=int(problem.status), content_type=CONTENT_TYPE, body=json.dumps(body), headers=headers)


def error_response(error: DreamVisionError, request_id: str, extra: Mapping[str, Any] | None = None) -> Response[str]:
    """Return the response for an error. Its own ``retry_after_seconds`` overrides the problem's default."""
    problem = problem_for(error)
    if error.retry_after_seconds is not None:
        problem = problem._replace(retry_after_seconds=ceil(error.retry_after_seconds))
    return problem_response(
        problem, detail=error.user_message, request_id=request_id, errors=error.problem_errors, extra=extra
    )
