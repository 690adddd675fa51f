"""Closing a video as failed: from the state machine, and from outside when the state machine could not."""

from collections.abc import Iterator

from dreamvision.clock import utc_now
from dreamvision.errors import DreamVisionError
from dreamvision.rendering import VideoRenderer
from dreamvision.tables.videos import VideoRecord, Videos

_GENERAL_MESSAGE = "The video could not be created. Please try again."


def record_failure(user_id: str, job_id: str, error_name: str | None, videos: Videos) -> VideoRecord:
    """Close the video with the name of the error and its words for the user. A final video stays as it is."""
    code = error_name or "UnforeseenError"
    return videos.fail(user_id, job_id, code, message_for(code), utc_now())


def close_stopped(user_id: str, job_id: str, status: str, videos: Videos, renderer: VideoRenderer) -> VideoRecord:
    """Close the video of an execution that ended as ``status`` without closing it, and stop what it had started.

    Raises:
        VideoNotFoundError: deleted meanwhile.
        RenderCancelUnconfirmedError: closed, but the provider did not confirm the stop; asking again is harmless.
    """
    before = videos.get(user_id, job_id, consistent=True)
    if before.status.is_final:
        return before
    closed = record_failure(user_id, job_id, f"Execution{status.title().replace('_', '')}", videos)
    if before.provider_task_id is not None:
        renderer.cancel(before.provider_task_id)
    return closed


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
