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

# An analysis takes seconds; a place in the provider's queue can take minutes.
_PENDING_SECONDS = 2
_QUEUED_FACTOR = 3


class VideoQuerySettings(Config):
    """Seconds between two polls of a render: a client need not ask more often."""

    poll_interval: int


class VideoStatusResult(NamedTuple):
    """A video. ``version`` changes whenever the answer does; ``retry_after_seconds`` is ``None`` for a final video."""

    video: VideoStatusResponse
    version: str
    retry_after_seconds: int | None


class VideoQueries:
    """The videos of the caller."""

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
        """The one of this process, set up from the environment."""
        settings = VideoQuerySettings.from_environment()
        return cls(Database.shared(), Presenter.shared(), Cursors.shared(), settings)

    def look(
        self,
        user_id: str,
        job_id: str,
        disposition: Disposition = Disposition.INLINE,
        filename: str | None = None,
    ) -> VideoStatusResult:
        """How far a video is: half a read unit, and no write. The link plays it, or saves it under ``filename``.

        Raises:
            VideoNotFoundError
        """
        video = self._videos.get_eventually(user_id, job_id)
        shown = self._presenter.video(video, disposition, filename)
        version = f"{self._presenter.video_version(video)} {disposition} {filename}"
        return VideoStatusResult(shown, version, self._again_seconds(video))

    def page(self, user_id: str, *, limit: int, status: VideoStatus | None, cursor: str | None) -> VideoListResponse:
        """One page, newest first.

        Raises:
            InvalidCursorError
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

    def _again_seconds(self, video: VideoRecord) -> int | None:
        if video.status.is_final:
            return None
        if video.queued_since is not None:
            return self._settings.poll_interval * _QUEUED_FACTOR
        return _PENDING_SECONDS if video.status is VideoStatus.PENDING else self._settings.poll_interval
