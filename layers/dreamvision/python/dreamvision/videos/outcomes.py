"""What clients are told about how a video ended: an error code, whether to try again, and whether it was counted."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from dreamvision.dreams.models import DreamRecord
from dreamvision.rendering.errors import RenderOutcomeUnknownError, RenderRejectedError
from dreamvision.schemas.error_codes import EXPLANATIONS, ErrorCode
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord

# Longer than GenerateVideo's function can run: after that nobody withdraws a request or stores a task id.
DECIDED_AFTER: Final = timedelta(minutes=2)

# Keyed by class name, which is what a row stores. A test checks that every error of an execution is here.
CODES: Final[Mapping[str, ErrorCode]] = {
    "DreamRefusedError": ErrorCode.ANALYSIS_REFUSED,
    "AnalysisError": ErrorCode.ANALYSIS_FAILED,
    "AnalysisTruncatedError": ErrorCode.ANALYSIS_FAILED,
    "AnalysisInvalidError": ErrorCode.ANALYSIS_FAILED,
    "ClaudeProtocolError": ErrorCode.ANALYSIS_FAILED,
    "ClaudeTimeoutError": ErrorCode.ANALYSIS_FAILED,
    "DreamNotAnalyzedError": ErrorCode.ANALYSIS_FAILED,
    "RenderModerationError": ErrorCode.MODERATION,
    "ClaudeOverloadedError": ErrorCode.PROVIDER_BUSY,
    "ClaudeUnreachableError": ErrorCode.PROVIDER_BUSY,
    "RenderBusyError": ErrorCode.PROVIDER_BUSY,
    "RenderUnreachableError": ErrorCode.PROVIDER_BUSY,
    "RenderFailedError": ErrorCode.PROVIDER_FAILED,
    "RenderRejectedError": ErrorCode.PROVIDER_FAILED,
    # Somebody with access to the provider's account has cancelled or deleted the render, not the user.
    "RenderCancelledError": ErrorCode.PROVIDER_FAILED,
    "RenderTaskLostError": ErrorCode.PROVIDER_FAILED,
    "RenderEmptyOutputError": ErrorCode.PROVIDER_FAILED,
    "RenderStatusUnavailableError": ErrorCode.PROVIDER_FAILED,
    "RenderCancelUnconfirmedError": ErrorCode.PROVIDER_FAILED,
    "ClaudeKeyError": ErrorCode.PROVIDER_UNAVAILABLE,
    "ClaudeBillingError": ErrorCode.PROVIDER_UNAVAILABLE,
    "ClaudeRequestError": ErrorCode.PROVIDER_UNAVAILABLE,
    "RenderKeyError": ErrorCode.PROVIDER_UNAVAILABLE,
    "RenderCreditsError": ErrorCode.PROVIDER_UNAVAILABLE,
    "RenderOutcomeUnknownError": ErrorCode.OUTCOME_UNKNOWN,
    "RenderDeadlineError": ErrorCode.TIMED_OUT,
    "ExecutionTimedOut": ErrorCode.TIMED_OUT,
    "NotAVideoError": ErrorCode.UNPLAYABLE,
    "VideoTruncatedError": ErrorCode.UNPLAYABLE,
    "VideoUnsuitableError": ErrorCode.UNPLAYABLE,
    "SourceForbiddenError": ErrorCode.STORAGE_FAILED,
    "SourceExpiredError": ErrorCode.STORAGE_FAILED,
    "SourceTruncatedError": ErrorCode.STORAGE_FAILED,
    "SourceTooLargeError": ErrorCode.STORAGE_FAILED,
    "SourceTooSlowError": ErrorCode.STORAGE_FAILED,
    "SourceUnavailableError": ErrorCode.STORAGE_FAILED,
    "MediaUploadError": ErrorCode.STORAGE_FAILED,
    "MediaDeletionError": ErrorCode.STORAGE_FAILED,
    "AccountErasedError": ErrorCode.WORKFLOW_FAILED,
    "ConfigurationError": ErrorCode.WORKFLOW_FAILED,
    "ContentionError": ErrorCode.WORKFLOW_FAILED,
    "DreamNotFoundError": ErrorCode.WORKFLOW_FAILED,
    "PromptFileInvalidError": ErrorCode.WORKFLOW_FAILED,
    "PromptFileMissingError": ErrorCode.WORKFLOW_FAILED,
    "TransactionRefusedError": ErrorCode.WORKFLOW_FAILED,
    "UnexpectedError": ErrorCode.WORKFLOW_FAILED,
    "VideoFinalError": ErrorCode.WORKFLOW_FAILED,
    "VideoNotFoundError": ErrorCode.WORKFLOW_FAILED,
    "WorkflowUnavailableError": ErrorCode.WORKFLOW_FAILED,
    "ExecutionAborted": ErrorCode.WORKFLOW_FAILED,
    "ExecutionFailed": ErrorCode.WORKFLOW_FAILED,
}


def error_code_of(video: VideoRecord) -> ErrorCode | None:
    """Return why a video failed or was cancelled; ``None`` for any other.

    Besides the names of the table a row can have one of Lambda's or Step Functions' (``Lambda.Unknown``).
    """
    return _code(video.status, video.error_code)


def is_retryable(video: VideoRecord) -> bool | None:
    """Return whether a failed or cancelled video may succeed when it is tried again; ``None`` for any other."""
    return _retryable(error_code_of(video), video.error_code)


def outcome_of_latest(dream: DreamRecord) -> tuple[ErrorCode | None, bool | None]:
    """Return the error code of a dream's latest video, and whether it may succeed when it is tried again.

    Both are ``None`` for a failed video whose dream has no copy of its error: a row of an earlier version.
    """
    if dream.video_status is VideoStatus.FAILED and dream.video_error is None:
        return None, None
    code = _code(dream.video_status, dream.video_error)
    return code, _retryable(code, dream.video_error)


def _code(status: VideoStatus | None, error: str | None) -> ErrorCode | None:
    if status is VideoStatus.CANCELLED:
        return ErrorCode.CANCELLED
    return CODES.get(error or "", ErrorCode.WORKFLOW_FAILED) if status is VideoStatus.FAILED else None


def _retryable(code: ErrorCode | None, error: str | None) -> bool | None:
    if code is None:
        return None
    return EXPLANATIONS[code].retryable and error != RenderRejectedError.__name__


def is_counted(video: VideoRecord, now: datetime) -> bool | None:
    """Return whether the video counts for its day; ``None`` while that is not decided.

    A video is counted once its render was requested (``VideoLifecycle``). A request whose outcome is not known may
    still be withdrawn, and the count with it, by the function that sent it.
    """
    if video.reservation is None:
        return False
    if video.provider_task_id is not None or video.status is VideoStatus.COMPLETED:
        return True
    if not video.status.is_final:
        return None
    if video.render_requested_at is None:
        return False
    is_known = video.error_code == RenderOutcomeUnknownError.__name__ or now - video.updated_at > DECIDED_AFTER
    return True if is_known else None
