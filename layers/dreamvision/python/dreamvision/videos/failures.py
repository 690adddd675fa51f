"""Closing a video as failed: from the state machine, and from outside when the state machine could not."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from dreamvision.analysis.errors import ANALYSIS_ERRORS
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.tasks import UnexpectedError
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

# Every error that an execution of dream_to_video can end with, by the name that Catch passes on.
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
    """Close the video with the name of the error and its words for the user. A final video stays as it is."""
    code = error_name or "UnexpectedError"
    return videos.fail(user_id, job_id, code, message_for(code), utc_now())


def close_stopped(
    user_id: str, job_id: str, status: str, videos: VideoLifecycle, renderer: VideoRenderer
) -> VideoRecord:
    """Close the video of an execution that ended as ``status`` without closing it, and stop what it had started.

    Raises:
        VideoNotFoundError: deleted meanwhile.
        RenderCancelUnconfirmedError: closed, but the provider did not confirm the stop, or it is being asked for the
            rendering right now; coming again is harmless.
    """
    before = videos.get(user_id, job_id, consistent=True)
    if before.status is VideoStatus.CANCELLED:
        _stop_cancelled(before, renderer)
    code = _stopped(status)
    # Closed here before: the event is delivered again because the provider had not confirmed the stop.
    if before.status.is_final and before.error_code != code:
        return before
    closed = record_failure(user_id, job_id, code, videos)
    if before.provider_task_id is not None:
        renderer.cancel(before.provider_task_id)
    return closed


def close_abandoned(
    video: VideoRecord, status: str, videos: VideoLifecycle, renderer: Callable[[], VideoRenderer], now: datetime
) -> VideoRecord:
    """Close an open video whose execution ended as ``status`` some time ago, or never began.

    Its rendering is stopped first: until the provider confirms that, the video stays open, so that whoever looks for
    open ones comes again. After two days there is nothing to stop any more.

    Raises:
        VideoNotFoundError: deleted meanwhile.
        RenderCancelUnconfirmedError: not closed, since the provider did not confirm the stop.
    """
    if video.provider_task_id is not None and now - video.created_at < RENDER_LIFETIME:
        renderer().cancel(video.provider_task_id)
    return record_failure(video.user_id, video.job_id, _stopped(status), videos)


def _stopped(status: str) -> str:
    return f"Execution{status.title().replace('_', '')}"


def _stop_cancelled(video: VideoRecord, renderer: VideoRenderer) -> None:
    if video.provider_task_id is not None:
        renderer.cancel(video.provider_task_id)
    elif video.render_requested_at is not None:
        raise RenderCancelUnconfirmedError


def message_for(error_name: str) -> str:
    """Return what the user is told about an error with this name; a general message for an unknown one."""
    return _MESSAGES.get(error_name, _GENERAL_MESSAGE)
