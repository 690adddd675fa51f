"""The problem types (RFC 9457) of the API, and the table that maps every error class to one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:dreamvision:problem:"


class Problem(NamedTuple):
    """A problem type: its status, ``code`` (the last part of ``type``) and title.

    ``retry_after_seconds`` is the default of ``Retry-After``; an error's own value overrides it.
    """

    status: HTTPStatus
    code: str
    title: str
    retry_after_seconds: int | None = None


INTERNAL = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong on our side")
VALIDATION = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "validation_failed", "The request has invalid values")
MALFORMED = Problem(HTTPStatus.BAD_REQUEST, "malformed_json", "The request body is not a JSON object")
UNSUPPORTED_TYPE = Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The request body must be JSON")
BODY_TOO_LARGE = Problem(HTTPStatus.CONTENT_TOO_LARGE, "body_too_large", "The request body is too large")
ROUTE_NOT_FOUND = Problem(HTTPStatus.NOT_FOUND, "route_not_found", "Route not found")
# The problems of a request before its route is known, which have no error class.
GENERAL = (MALFORMED, BODY_TOO_LARGE, UNSUPPORTED_TYPE, ROUTE_NOT_FOUND)

_BAD_GATEWAY = HTTPStatus.BAD_GATEWAY
_UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE
_TIMEOUT = HTTPStatus.GATEWAY_TIMEOUT

# Keyed by class name, so that a function need not import the errors of all others. A test checks that every class
# exists.
PROBLEMS: Mapping[str, Problem] = {
    "DreamVisionError": INTERNAL,
    "ConfigurationError": INTERNAL,
    "InvalidInputError": VALIDATION,
    "DirectRequestError": Problem(HTTPStatus.FORBIDDEN, "direct_request", "This is not the public address"),
    "UnauthenticatedError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is required"),
    "DreamNotFoundError": Problem(HTTPStatus.NOT_FOUND, "dream_not_found", "Dream not found"),
    "VideoNotFoundError": Problem(HTTPStatus.NOT_FOUND, "video_not_found", "Video not found"),
    "VideoFinalError": Problem(HTTPStatus.CONFLICT, "video_final", "The video is already finished"),
    "InvalidCursorError": VALIDATION,
    "VideoPromptError": VALIDATION,
    "DreamNotAnalyzedError": Problem(HTTPStatus.CONFLICT, "dream_not_analyzed", "The dream has not been analyzed yet"),
    "ContentionError": Problem(_UNAVAILABLE, "busy", "The service is busy", 1),
    "WorkflowUnavailableError": Problem(_UNAVAILABLE, "workflow_unavailable", "The video could not be started", 5),
    "ExecutionStopError": Problem(_UNAVAILABLE, "workflow_unavailable", "The video could not be stopped", 5),
    "ErasureUnavailableError": Problem(_UNAVAILABLE, "deletion_unavailable", "The deletion could not be started", 5),
    # Limits
    "RateLimitedError": Problem(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
    "VideoQuotaExceededError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "video_quota_exceeded", "The daily video quota is used up"
    ),
    "TooManyRunningVideosError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_running_videos", "Too many videos in progress"
    ),
    "ServiceQuotaExceededError": Problem(
        _UNAVAILABLE, "service_quota_exceeded", "The service has reached its daily video limit"
    ),
    "PremiumReserveError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "free_videos_used_up", "The free videos of the day are used up"
    ),
    "AnalysisQuotaExceededError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "analysis_quota_exceeded", "The daily quota of analyses is used up"
    ),
    "ServiceAnalysesExceededError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS,
        "service_analysis_quota_exceeded",
        "The service has reached its daily limit of analyses",
    ),
    "UserPausedError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "paused_after_refusals", "Too many dreams were refused for their content"
    ),
    "TooManyRegistrationsError": Problem(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_registrations", "Too many accounts were created from this network"
    ),
    "IdempotencyKeyReusedError": Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The idempotency key was used with a different request",
    ),
    "RequestInProgressError": Problem(
        HTTPStatus.CONFLICT, "request_in_progress", "The request is still in progress", 2
    ),
    # Accounts
    "AccountErasedError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is required"),
    "InvalidCredentialsError": Problem(HTTPStatus.UNAUTHORIZED, "invalid_credentials", "Sign-in failed"),
    "InvalidRefreshTokenError": Problem(HTTPStatus.UNAUTHORIZED, "invalid_refresh_token", "The session has ended"),
    "UserNotFoundError": Problem(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid access token is required"),
    "WrongPasswordError": Problem(HTTPStatus.FORBIDDEN, "wrong_password", "The current password is incorrect"),
    "EmailNotConfirmedError": Problem(
        HTTPStatus.FORBIDDEN, "email_not_confirmed", "The e-mail address is not confirmed"
    ),
    "PasswordResetRequiredError": Problem(
        HTTPStatus.FORBIDDEN, "password_reset_required", "The password must be reset"
    ),
    "UserAlreadyExistsError": Problem(
        HTTPStatus.CONFLICT, "user_already_exists", "The e-mail address already has an account"
    ),
    "UsernameTakenError": Problem(HTTPStatus.CONFLICT, "username_taken", "The username is taken"),
    "WeakPasswordError": Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", "The password is too weak"),
    "BreachedPasswordError": Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "breached_password", "The password is known from data breaches"
    ),
    "AccountInputError": VALIDATION,
    "InvalidOrExpiredCodeError": Problem(
        HTTPStatus.BAD_REQUEST, "invalid_or_expired_code", "The code is incorrect or has expired"
    ),
    "TooManyAttemptsError": Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts"),
    "SignUpRefusedError": Problem(HTTPStatus.BAD_REQUEST, "registration_refused", "The account cannot be created"),
    "UserPoolTriggerError": Problem(_BAD_GATEWAY, "accounts_failed", "The account service failed"),
    "UserPoolBusyError": Problem(_UNAVAILABLE, "accounts_busy", "The account service is busy", 5),
    "UserPoolUnreachableError": Problem(
        _UNAVAILABLE, "accounts_unreachable", "The account service cannot be reached", 5
    ),
    "CodeDeliveryError": Problem(_UNAVAILABLE, "code_not_delivered", "The e-mail could not be sent", 60),
    "ProfileIncompleteError": INTERNAL,
    "ProfileExistsError": INTERNAL,
    # Devices
    "DeviceNotFoundError": Problem(HTTPStatus.NOT_FOUND, "device_not_found", "Device not found"),
    "TooManyDevicesError": Problem(HTTPStatus.CONFLICT, "too_many_devices", "Too many devices are registered"),
    # Claude
    "DreamRefusedError": Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "dream_refused", "This dream cannot be analyzed"),
    "AnalysisTruncatedError": Problem(_BAD_GATEWAY, "analysis_truncated", "The analysis was cut off"),
    "AnalysisInvalidError": Problem(_BAD_GATEWAY, "analysis_invalid", "The analysis failed validation"),
    "ClaudeProtocolError": Problem(_BAD_GATEWAY, "analysis_malformed", "The analysis could not be parsed"),
    "ClaudeOverloadedError": Problem(_UNAVAILABLE, "analysis_overloaded", "The analysis service is overloaded", 10),
    "ClaudeTimeoutError": Problem(_TIMEOUT, "analysis_timeout", "The analysis timed out", 10),
    "ClaudeUnreachableError": Problem(
        _UNAVAILABLE, "analysis_unreachable", "The analysis service cannot be reached", 10
    ),
    "ClaudeKeyError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis service is not available"),
    "ClaudeBillingError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis service is not available"),
    "ClaudeRequestError": Problem(_BAD_GATEWAY, "analysis_unavailable", "The analysis service is not available"),
}


def problem_for(error: BaseException) -> Problem:
    """Return the problem of the error's nearest class in the table; ``INTERNAL`` if none is in it."""
    for error_class in type(error).__mro__:
        if problem := PROBLEMS.get(error_class.__name__):
            return problem
    return INTERNAL
