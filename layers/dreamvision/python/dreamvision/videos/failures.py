"""Close videos as failed: from the state machine, or from outside after it ended without doing so."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from dreamvision.analysis.errors import ANALYSIS_ERRORS
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.database.transactions import ContentionError
from dreamvision.dreams.repository import DreamNotFoundError
from dreamvision.media.errors import ARCHIVE_ERRORS
from dreamvision.rendering.errors import RENDER_ERRORS, RenderCancelUnconfirmedError
from dreamvision.rendering.renderer import RENDER_LIFETIME, VideoRenderer
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import AccountErasedError
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DreamNotAnalyzedError, VideoFinalError, VideoNotFoundError, VideoRecord
from dreamvision.videos.workflow import WorkflowUnavailableError

_GENERAL_MESSAGE = "The video could not be created. Please try again."

# Every error that an execution of dream_to_video can end with; Catch passes on the class name.
_ERRORS: Final[tuple[type[DreamVisionError], ...]] = (
    *ANALYSIS_ERRORS.values(),
    *RENDER_ERRORS,
    *ARCHIVE_ERRORS,
    AccountErasedError,
    ContentionError,
    DreamNotAnalyzedError,
    DreamNotFoundError,
    UnexpectedError,
    VideoFinalError,
    VideoNotFoundError,
    WorkflowUnavailableError,
)
_MESSAGES: Final[Mapping[str, str]] = {error.__name__: error.user_message for error in _ERRORS}


def record_failure(user_id: str, job_id: str, error_name: str | None, videos: VideoLifecycle) -> VideoRecord:
    """Close the video as failed, with the name and the user message of the error. A final video stays unchanged."""
    code = error_name or "UnexpectedError"
    return videos.fail(user_id, job_id, code, message_for(code), utc_now())


def close_stopped(
    user_id: str, job_id: str, status: str, videos: VideoLifecycle, renderer: VideoRenderer
) -> VideoRecord:
    """Close the video of an execution that ended as ``status`` without closing it, and cancel its render.

    Raises:
        VideoNotFoundError: the video was deleted meanwhile.
        RenderCancelUnconfirmedError: the video is closed, but the provider did not confirm the cancellation, or a
            render request is still in progress; repeating is harmless.
    """
    video = videos.get(user_id, job_id, consistent=True)
    if video.status is VideoStatus.CANCELLED:
        _cancel_render_of_cancelled(video, renderer)
    code = _execution_error_code(status)
    # The same code: an earlier delivery of this event closed the video, but the cancellation was not confirmed.
    if video.status.is_final and video.error_code != code:
        return video
    closed = record_failure(user_id, job_id, code, videos)
    if video.provider_task_id is not None:
        renderer.cancel(video.provider_task_id)
    return closed


def close_abandoned(
    video: VideoRecord, status: str, videos: VideoLifecycle, renderer: Callable[[], VideoRenderer], now: datetime
) -> VideoRecord:
    """Close an open video whose execution ended as ``status`` some time ago.

    Its render is cancelled first. The video stays open until the provider confirms, so that the next sweep retries.
    After two days there is no render left to cancel.

    Raises:
        VideoNotFoundError: the video was deleted meanwhile.
        RenderCancelUnconfirmedError: the video was not closed, because the provider did not confirm the cancellation.
    """
    if video.provider_task_id is not None and now - video.created_at < RENDER_LIFETIME:
        renderer().cancel(video.provider_task_id)
    return record_failure(video.user_id, video.job_id, _execution_error_code(status), videos)


def _execution_error_code(status: str) -> str:
    return f"Execution{status.title().replace('_', '')}"


def _cancel_render_of_cancelled(video: VideoRecord, renderer: VideoRenderer) -> None:
    if video.provider_task_id is not None:
        renderer.cancel(video.provider_task_id)
    elif video.render_requested_at is not None:
        raise RenderCancelUnconfirmedError


def message_for(error_name: str) -> str:
    """Return the user message of the error with this name; a general message for an unknown one."""
    return _MESSAGES.get(error_name, _GENERAL_MESSAGE)
