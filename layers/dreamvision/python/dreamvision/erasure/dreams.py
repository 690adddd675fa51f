"""Taking dreams and their videos away from their user: the quick part of an erasure, after which nobody sees them.

Every step may be interrupted and repeated, and two may run at the same time.
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

_TRIES = 8


class DreamDeletion:
    """Moves rows into the trash."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._dreams = DreamRepository(database)
        self._videos = VideoLifecycle(database)
        self._trash = TombstoneRepository(database)
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Set up from the environment."""
        return cls(Database.shared())

    def delete_dream(self, user_id: str, dream_id: str, workflow: ErasureWorkflow) -> None:
        """Delete a dream with its videos. Nobody sees them any more; their media follow.

        The execution is started first: whatever becomes of this request, the dream is going to be erased.

        Raises:
            DreamNotFoundError: no such dream, or nothing is left of it.
            ErasureUnavailableError: it could not be started; nothing has changed.
        """
        try:
            self._dreams.get(user_id, dream_id, consistent=True)
        except DreamNotFoundError:
            if not self._trash.has_dream(user_id, dream_id):
                raise
        workflow.erase_dream(user_id, dream_id)
        self.soft_delete_dream(user_id, dream_id)

    def soft_delete_dream(self, user_id: str, dream_id: str) -> None:
        """The dream first, so that no more videos of it can come up; then its videos."""
        for _ in range(_TRIES):
            try:
                dream = self._dreams.get(user_id, dream_id, consistent=True)
            except DreamNotFoundError:
                break
            if self._trash.move_dream_to_tombstone(dream, self._now()):
                break
        else:
            raise ContentionError
        for video in self._videos.list_by_dream(user_id, dream_id):
            self._soft_delete_video(video)

    def soft_delete_batch(self, user_id: str, limit: int) -> bool:
        """Some of all that the user has; whether there may be more. Dreams first, as above."""
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
        """An open video is cancelled first, which gives its quota back."""
        for _ in range(_TRIES):
            try:
                current = self._closed(video)
            except VideoNotFoundError:
                return  # somebody else was faster
            if self._trash.move_video_to_tombstone(current, self._now()):
                return
        raise ContentionError

    def _closed(self, video: VideoRecord) -> VideoRecord:
        try:
            return self._videos.cancel(video.user_id, video.job_id, self._now())
        except VideoFinalError:
            return self._videos.get(video.user_id, video.job_id, consistent=True)
