"""The slow part of an erasure: renderings are stopped, media deleted, and at last the notes of them forgotten.

Each function does a part that fits into one run of a task and says where to go on. All of it may be repeated.
"""

from typing import NamedTuple

from aws_lambda_powertools import Logger

from dreamvision.core.clock import utc_now
from dreamvision.erasure.repository import TombstoneRepository, VideoTombstone
from dreamvision.erasure.workflow import Erasure
from dreamvision.media.keys import user_folders
from dreamvision.media.storage import MediaStore
from dreamvision.rendering.errors import RenderCancelUnconfirmedError, RenderKeyError
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.videos.workflow import VideoWorkflow

# A cancellation is a request to the provider; 30 of them fit well into the 60 seconds of the task.
_RENDERS_PER_RUN = 30
# DeleteObjects takes 1,000 keys, and a video has at most six.
_TOMBSTONES_PER_RUN = 150

logger = Logger()


class CancelResult(NamedTuple):
    """Whether a task may still be writing, and where the next run begins (``None``: done)."""

    unsettled: bool
    after: str | None


def cancel_renders(
    erasure: Erasure, trash: TombstoneRepository, workflow: VideoWorkflow, renderer: VideoRenderer
) -> CancelResult:
    """Stop what makes the videos: their executions and, at the provider, their renderings, whose output goes too.

    Raises:
        RenderCancelUnconfirmedError: the provider did not confirm at least one of them.
        RenderKeyError: it does not accept our key.
        ExecutionStopError
    """
    notes = trash.videos(erasure.user_id, erasure.dream_id, limit=_RENDERS_PER_RUN, after_id=erasure.after)
    now = utc_now()
    for note in notes.videos:
        if note.may_run(now):
            workflow.stop(note.job_id)
    recent = [note for note in notes.videos if note.may_be_at_provider(now)]
    unconfirmed = sum(not _cancelled(note, renderer) for note in recent)
    if unconfirmed:
        logger.warning("renderings not cancelled", extra={"number": unconfirmed})
        raise RenderCancelUnconfirmedError
    return CancelResult(any(note.may_run(now) for note in notes.videos), notes.last_id)


def _cancelled(note: VideoTombstone, renderer: VideoRenderer) -> bool:
    if note.provider_task_id is None:
        return True
    try:
        renderer.cancel(note.provider_task_id)
    except (RenderCancelUnconfirmedError, RenderKeyError):
        return False  # the others are to be stopped all the same
    return True


def delete_media(erasure: Erasure, trash: TombstoneRepository, store: MediaStore) -> str | None:
    """Delete videos, thumbnails, previews and uploads; with the whole account everything in the user's folders.

    Returns where the next run begins (``None``: done).

    Raises:
        MediaDeletionError
    """
    notes = trash.videos(erasure.user_id, erasure.dream_id, limit=_TOMBSTONES_PER_RUN, after_id=erasure.after)
    store.delete_media({key for note in notes.videos for key in note.media_keys(erasure.user_id)})
    if notes.last_id is None:
        store.delete_media(trash.dream_media(erasure.user_id, erasure.dream_id))
        for folder in user_folders(erasure.user_id) if erasure.whole_account else ():
            store.delete_folder(folder)
    return notes.last_id


def purge_tombstones(erasure: Erasure, trash: TombstoneRepository) -> str | None:
    """Delete the notes: nothing that they lead to is left. Returns where the next run begins (``None``: done)."""
    notes = trash.videos(erasure.user_id, erasure.dream_id, limit=_TOMBSTONES_PER_RUN, after_id=erasure.after)
    trash.purge_videos(erasure.user_id, [note.job_id for note in notes.videos])
    if notes.last_id is None:
        trash.purge_dreams(erasure.user_id, erasure.dream_id)
    return notes.last_id
