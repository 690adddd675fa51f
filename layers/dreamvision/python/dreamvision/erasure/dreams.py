"""Soft deletion of dreams and their videos: the fast part of an erasure, after which they are no longer visible.

Every step may be interrupted, repeated and run concurrently.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.database.transactions import ContentionError
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoFinalError, VideoNotFoundError, VideoRecord

_MAX_ATTEMPTS = 8


class DreamDeletion:
    """Soft-deletes rows by replacing them with tombstones."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._dreams = DreamRepository(database)
        self._videos = VideoLifecycle(database)
        self._tombstones = TombstoneRepository(database)
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(Database.shared())

    def delete_dream(self, user_id: str, dream_id: str, workflow: ErasureWorkflow) -> None:
        """Soft-delete a dream with its videos. The execution deletes their media.

        The execution is started first, so that the dream is erased even if this request fails.

        Raises:
            DreamNotFoundError: the user has no such dream, or it is already erased.
            ErasureUnavailableError: the execution did not start; nothing has changed.
        """
        try:
            self._dreams.get(user_id, dream_id, consistent=True)
        except DreamNotFoundError:
            if not self._tombstones.has_dream(user_id, dream_id):
                raise
        workflow.erase_dream(user_id, dream_id)
        self.soft_delete_dream(user_id, dream_id)

    def soft_delete_dream(self, user_id: str, dream_id: str) -> None:
        """Soft-delete the dream first, so that no more videos of it can be created, then its videos."""
        for _ in range(_MAX_ATTEMPTS):
            try:
                dream = self._dreams.get(user_id, dream_id, consistent=True)
            except DreamNotFoundError:
                break
            if self._tombstones.move_dream_to_tombstone(dream, self._now()):
                break
        else:
            raise ContentionError
        for video in self._videos.list_by_dream(user_id, dream_id):
            self._soft_delete_video(video)

    def soft_delete_batch(self, user_id: str, limit: int) -> bool:
        """Soft-delete up to ``limit`` dreams, or videos once no dreams remain. Returns whether there may be more."""
        dream_ids = self._dreams.first_page_ids(user_id, limit)
        for dream_id in dream_ids:
            self.soft_delete_dream(user_id, dream_id)
        if dream_ids:
            return True
        videos = self._videos.first_page(user_id, limit)
        for video in videos:
            self._soft_delete_video(video)
        return bool(videos)

    def _soft_delete_video(self, video: VideoRecord) -> None:
        """Soft-delete a video. An open one is cancelled first, which releases its quota."""
        for _ in range(_MAX_ATTEMPTS):
            try:
                current = self._close(video)
            except VideoNotFoundError:
                return  # already deleted
            if self._tombstones.move_video_to_tombstone(current, self._now()):
                return
        raise ContentionError

    def _close(self, video: VideoRecord) -> VideoRecord:
        try:
            return self._videos.cancel(video.user_id, video.job_id, self._now())
        except VideoFinalError:
            return self._videos.get(video.user_id, video.job_id, consistent=True)
