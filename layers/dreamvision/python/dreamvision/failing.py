"""Closing a video as failed: from the state machine, and from outside when the state machine could not."""

from collections.abc import Callable, Iterator
from datetime import datetime

from dreamvision.clock import utc_now
from dreamvision.errors import DreamVisionError
from dreamvision.models.videos import VideoStatus
from dreamvision.rendering import RENDERING_LIFETIME, RenderCancelUnconfirmedError, VideoRenderer
from dreamvision.tables.video_rows import VideoRecord
from dreamvision.tables.videos import Videos

_GENERAL_MESSAGE = "The video could not be created. Please try again."


def record_failure(user_id: str, job_id: str, error_name: str | None, videos: Videos) -> VideoRecord:
    """Close the video with the name of the error and its words for the user. A final video stays as it is."""
    code = error_name or "UnforeseenError"
    return videos.fail(user_id, job_id, code, message_for(code), utc_now())


def close_stopped(user_id: str, job_id: str, status: str, videos: Videos, renderer: VideoRenderer) -> VideoRecord:
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
    video: VideoRecord, status: str, videos: Videos, renderer: Callable[[], VideoRenderer], now: datetime
) -> VideoRecord:
    """Close an open video whose execution ended as ``status`` some time ago, or never began.

    Its rendering is stopped first: until the provider confirms that, the video stays open, so that whoever looks for
    open ones comes again. After two days there is nothing to stop any more.

    Raises:
        VideoNotFoundError: deleted meanwhile.
        RenderCancelUnconfirmedError: not closed, since the provider did not confirm the stop.
    """
    if video.provider_task_id is not None and now - video.created_at < RENDERING_LIFETIME:
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
    """The words for the user of the error class with this name; general ones for any other name."""
    for error in _all_errors(DreamVisionError):
        if error.__name__ == error_name:
            return error.user_message
    return _GENERAL_MESSAGE


def _all_errors(root: type[DreamVisionError]) -> Iterator[type[DreamVisionError]]:
    for error in root.__subclasses__():
        yield error
        yield from _all_errors(error)
