"""Read a video's status and list a user's videos."""

from functools import cache
from typing import NamedTuple, Self

from dreamvision.core.config import Config
from dreamvision.database.client import Database
from dreamvision.queries.cursors import Cursors, Position
from dreamvision.queries.presenters import Presenter
from dreamvision.schemas.videos import Disposition, VideoListResponse, VideoStatus, VideoStatusResponse
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.repository import VideoRepository

# Seconds, since an analysis takes seconds; and a factor, since the provider's queue can take minutes.
_ANALYSIS_SECONDS = 2
_QUEUED_FACTOR = 3


class VideoQuerySettings(Config):
    """Seconds between two polls of a render: clients need not poll more often."""

    poll_interval: int


class VideoStatusResult(NamedTuple):
    """A video. ``retry_after_seconds`` is ``None`` for a final one."""

    video: VideoStatusResponse
    retry_after_seconds: int | None


class VideoQueries:
    """Reads the caller's videos."""

    def __init__(
        self, database: Database, presenter: Presenter, cursors: Cursors, settings: VideoQuerySettings
    ) -> None:
        self._videos = VideoRepository(database)
        self._presenter = presenter
        self._cursors = cursors
        self._settings = settings

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        settings = VideoQuerySettings.from_environment()
        return cls(Database.shared(), Presenter.shared(), Cursors.shared(), settings)

    def get(
        self,
        user_id: str,
        job_id: str,
        disposition: Disposition = Disposition.INLINE,
        filename: str | None = None,
    ) -> VideoStatusResult:
        """Return a video's status, for half a read unit. Its link plays the video or saves it under ``filename``.

        Raises:
            VideoNotFoundError: the user has no video with this id.
        """
        video = self._videos.get_eventually(user_id, job_id)
        response = self._presenter.video(video, disposition, filename)
        return VideoStatusResult(response, self._retry_after_seconds(video))

    def page(self, user_id: str, *, limit: int, status: VideoStatus | None, cursor: str | None) -> VideoListResponse:
        """Return one page, newest first.

        Raises:
            InvalidCursorError: the cursor was not issued for this user and list.
        """
        list_name = f"videos {status or 'all'}"
        position = self._cursors.read(cursor, user_id=user_id, list_name=list_name) if cursor else None
        rows = self._videos.page(user_id, limit=limit, status=status, after_id=position.after_id if position else None)
        following = Position(rows.last_id, (position.page if position else 1) + 1) if rows.last_id else None
        return VideoListResponse(
            videos=[self._presenter.video(video) for video in rows.videos],
            limit=limit,
            next_cursor=self._cursors.make(following, user_id=user_id, list_name=list_name) if following else None,
        )

    def _retry_after_seconds(self, video: VideoRecord) -> int | None:
        if video.status.is_final:
            return None
        if video.queued_since is not None:
            return self._settings.poll_interval * _QUEUED_FACTOR
        return _ANALYSIS_SECONDS if video.render_requested_at is None else self._settings.poll_interval
