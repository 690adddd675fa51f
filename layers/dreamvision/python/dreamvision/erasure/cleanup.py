"""The slow part of an erasure: cancel renders, delete media, and finally purge the tombstones.

Each function processes one batch that fits into one run of a task, and returns where the next run starts. All are
idempotent.
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

# A cancellation is one request to the provider; 30 of them fit well into the task's 60 seconds.
_RENDERS_PER_RUN = 30
# DeleteObjects accepts 1,000 keys, and a video has at most six.
_TOMBSTONES_PER_RUN = 150

logger = Logger()


class CancelResult(NamedTuple):
    """Whether a task may still be writing, and the id after which the next run starts (``None``: done)."""

    unsettled: bool
    after: str | None


def cancel_renders(
    erasure: Erasure, tombstones: TombstoneRepository, workflow: VideoWorkflow, renderer: VideoRenderer
) -> CancelResult:
    """Stop the videos' executions and cancel their renders, which also deletes the output at the provider.

    Raises:
        RenderCancelUnconfirmedError: the provider did not confirm at least one cancellation.
        ExecutionStopError: an execution may still be running.
    """
    page = tombstones.videos(erasure.user_id, erasure.dream_id, limit=_RENDERS_PER_RUN, after_id=erasure.after)
    now = utc_now()
    for tombstone in page.videos:
        if tombstone.may_run(now):
            workflow.stop(tombstone.job_id)
    recent = [tombstone for tombstone in page.videos if tombstone.may_be_at_provider(now)]
    unconfirmed = sum(not _cancel_render(tombstone, renderer) for tombstone in recent)
    if unconfirmed:
        logger.warning("renderings not cancelled", extra={"number": unconfirmed})
        raise RenderCancelUnconfirmedError
    return CancelResult(any(tombstone.may_run(now) for tombstone in page.videos), page.last_id)


def _cancel_render(tombstone: VideoTombstone, renderer: VideoRenderer) -> bool:
    if tombstone.provider_task_id is None:
        return True
    try:
        renderer.cancel(tombstone.provider_task_id)
    except (RenderCancelUnconfirmedError, RenderKeyError):
        return False  # continue with the others
    return True


def delete_media(erasure: Erasure, tombstones: TombstoneRepository, store: MediaStore) -> str | None:
    """Delete videos, thumbnails, previews and uploads; for a whole account, everything in the user's folders.

    Returns the id after which the next run starts (``None``: done).

    Raises:
        MediaDeletionError: at least one object was not deleted.
    """
    page = tombstones.videos(erasure.user_id, erasure.dream_id, limit=_TOMBSTONES_PER_RUN, after_id=erasure.after)
    store.delete_media({key for tombstone in page.videos for key in tombstone.media_keys(erasure.user_id)})
    if page.last_id is None:
        store.delete_media(tombstones.dream_media(erasure.user_id, erasure.dream_id))
        for folder in user_folders(erasure.user_id) if erasure.whole_account else ():
            store.delete_folder(folder)
    return page.last_id


def purge_tombstones(erasure: Erasure, tombstones: TombstoneRepository) -> str | None:
    """Delete the tombstones, after everything they refer to. Returns the id to continue after (``None``: done)."""
    page = tombstones.videos(erasure.user_id, erasure.dream_id, limit=_TOMBSTONES_PER_RUN, after_id=erasure.after)
    tombstones.purge_videos(erasure.user_id, [tombstone.job_id for tombstone in page.videos])
    if page.last_id is None:
        tombstones.purge_dreams(erasure.user_id, erasure.dream_id)
    return page.last_id
