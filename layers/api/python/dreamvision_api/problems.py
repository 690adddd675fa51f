"""Errors as ``application/problem+json`` (RFC 9457): the one table from an error to what a client is told."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler import Response

from dreamvision.core.errors import DreamVisionError

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:dreamvision:problem:"


class Problem(NamedTuple):
    """What a client is told: the status, the last part of ``type``, the title, and when to come back."""

    status: HTTPStatus
    code: str
    title: str
    retry_after_seconds: int | None = None


INTERNAL = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side")
VALIDATION = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "validation_failed", "The request has invalid values")
MALFORMED = Problem(HTTPStatus.BAD_REQUEST, "malformed_json", "The body is not a JSON object")
UNSUPPORTED_TYPE = Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON")
ROUTE_NOT_FOUND = Problem(HTTPStatus.NOT_FOUND, "route_not_found", "There is nothing at this address")

_BAD_GATEWAY = HTTPStatus.BAD_GATEWAY
_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
_TIMEOUT = HTTPStatus.GATEWAY_TIMEOUT

# Keyed by the class's name, so that a function does not import what it cannot raise. A test holds the table against
# all the error classes that exist.
PROBLEMS: Mapping[str, Problem] = {
    "DreamVisionError": INTERNAL,
    "ConfigurationError": INTERNAL,
    "InvalidInputError": VALIDATION,
    "UnauthenticatedError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is needed"),
    "DreamNotFoundError": Problem(HTTPStatus.NOT_FOUND, "dream_not_found", "No such dream"),
    "VideoNotFoundError": Problem(HTTPStatus.NOT_FOUND, "video_not_found", "No such video"),
    "VideoFinalError": Problem(HTTPStatus.CONFLICT, "video_final", "The video is finished already"),
    "InvalidCursorError": VALIDATION,
    "DreamNotAnalyzedError": Problem(HTTPStatus.CONFLICT, "dream_not_analyzed", "The dream has no analysis yet"),
    "ContentionError": Problem(_UNAVAILABLE, "busy", "Please try again in a moment", 1),
    "WorkflowUnavailableError": Problem(_UNAVAILABLE, "workflow_unavailable", "The video could not be started", 5),
    "ExecutionStopError": Problem(_UNAVAILABLE, "workflow_unavailable", "The video could not be stopped", 5),
    "ErasureUnavailableError": Problem(_UNAVAILABLE, "deletion_unavailable", "It could not be deleted", 5),
    # Limits
    "RateLimitedError": Problem(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
    "VideoQuotaExceededError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "video_quota_exceeded", "The videos of the day are used up"
    ),
    "TooManyRunningVideosError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_running_videos", "Too many videos are being made"
    ),
    "ServiceQuotaExceededError": Problem(_UNAVAILABLE, "service_quota_exceeded", "The service is full for today"),
    "IdempotencyKeyReusedError": Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The key belongs to another request"
    ),
    "RequestInProgressError": Problem(HTTPStatus.CONFLICT, "request_in_progress", "The request is still running", 2),
    # Accounts
    "AccountErasedError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is needed"),
    "InvalidCredentialsError": Problem(HTTPStatus.UNAUTHORIZED, "invalid_credentials", "The sign-in was refused"),
    "InvalidRefreshTokenError": Problem(HTTPStatus.UNAUTHORIZED, "invalid_refresh_token", "The session is over"),
    "UserNotFoundError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is needed"),
    "WrongPasswordError": Problem(HTTPStatus.FORBIDDEN, "wrong_password", "The current password is wrong"),
    "EmailNotConfirmedError": Problem(HTTPStatus.FORBIDDEN, "email_not_confirmed", "The address is not confirmed"),
    "PasswordResetRequiredError": Problem(
        HTTPStatus.FORBIDDEN, "password_reset_required", "The password has to be reset"
    ),
    "UserAlreadyExistsError": Problem(HTTPStatus.CONFLICT, "user_already_exists", "The address has an account already"),
    "UsernameTakenError": Problem(HTTPStatus.CONFLICT, "username_taken", "The user name is taken"),
    "WeakPasswordError": Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", "The password is too weak"),
    "AccountInputError": VALIDATION,
    "InvalidOrExpiredCodeError": Problem(
        HTTPStatus.BAD_REQUEST, "invalid_or_expired_code", "The code is wrong or has expired"
    ),
    "TooManyAttemptsError": Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts", 900),
    "SignUpRefusedError": Problem(HTTPStatus.BAD_REQUEST, "registration_refused", "The account cannot be created"),
    "UserPoolTriggerError": Problem(_BAD_GATEWAY, "accounts_failed", "Accounts do not work right now"),
    "UserPoolBusyError": Problem(_UNAVAILABLE, "accounts_busy", "Accounts are busy", 5),
    "UserPoolUnreachableError": Problem(_UNAVAILABLE, "accounts_unreachable", "Accounts cannot be reached", 5),
    "CodeDeliveryError": Problem(_UNAVAILABLE, "code_not_delivered", "The e-mail could not be sent", 60),
    "ProfileIncompleteError": INTERNAL,
    "ProfileExistsError": INTERNAL,
    # Claude
    "DreamRefusedError": Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "dream_refused", "This dream cannot be analysed"),
    "AnalysisTruncatedError": Problem(_BAD_GATEWAY, "analysis_truncated", "The analysis was cut short"),
    "AnalysisInvalidError": Problem(_BAD_GATEWAY, "analysis_invalid", "The analysis broke its own rules"),
    "ClaudeProtocolError": Problem(_BAD_GATEWAY, "analysis_malformed", "The analysis could not be read"),
    "ClaudeOverloadedError": Problem(_UNAVAILABLE, "analysis_overloaded", "The analysis is overloaded", 10),
    "ClaudeTimeoutError": Problem(_TIMEOUT, "analysis_timeout", "The analysis took too long", 10),
    "ClaudeUnreachableError": Problem(_UNAVAILABLE, "analysis_unreachable", "The analysis could not be reached", 10),
    "ClaudeKeyError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis is not available"),
    "ClaudeBillingError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis is not available"),
    "ClaudeRequestError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis is not available"),
}


def problem_for(error: BaseException) -> Problem:
    """The row of the nearest class in the error's ancestry; an error that nobody foresaw is an internal one."""
    for ancestor in type(error).__mro__:
        if row := PROBLEMS.get(ancestor.__name__):
            return row
    return INTERNAL


def response(
    problem: Problem,
    *,
    detail: str,
    request_id: str,
    errors: Sequence[Mapping[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response[str]:
    """The answer as RFC 9457 wants it, with ``request_id`` and, for invalid values, ``errors``."""
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + problem.code,
        "title": problem.title,
        "status": int(problem.status),
        "detail": detail,
        "request_id": request_id,
        **(extra or {}),
    }
    if errors is not None:
        body["errors"] = list(errors)
    all_headers: dict[str, str | list[str]] = {"Cache-Control": "no-store", **(headers or {})}
    if problem.retry_after_seconds is not None:
        all_headers.setdefault("Retry-After", str(problem.retry_after_seconds))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        all_headers.setdefault("WWW-Authenticate", "Bearer")
    return Response(
        status_code=int(problem.status), content_type=CONTENT_TYPE, body=json.dumps(body), headers=all_headers
    )


def response_for(error: DreamVisionError, request_id: str, fields: Mapping[str, Any] | None = None) -> Response[str]:
    """The answer to an error of ours.

    An error may have ``problem_errors``, ``problem_headers``, and ``retry_after_seconds`` of its own.
    """
    problem = problem_for(error)
    own: float | None = getattr(error, "retry_after_seconds", None)
    return response(
        problem if own is None else problem._replace(retry_after_seconds=ceil(own)),
        detail=error.user_message,
        request_id=request_id,
        errors=getattr(error, "problem_errors", None),
        headers=getattr(error, "problem_headers", None),
        extra=fields,
    )
