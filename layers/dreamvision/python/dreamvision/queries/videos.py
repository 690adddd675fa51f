"""Looking at one's videos: one, page by page, and no more wanting one."""

from functools import cache
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.database.client import Database
from dreamvision.queries.cursors import Cursors, Position
from dreamvision.queries.presenters import Presenter
from dreamvision.schemas.videos import Disposition, VideoListResponse, VideoStatus, VideoStatusResponse
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.workflow import ExecutionStopError, VideoWorkflow

# An analysis takes seconds; a place in the provider's queue can take minutes.
_PENDING_SECONDS = 2
_QUEUED_FACTOR = 3

logger = Logger()


class VideoQuerySettings(Config):
    """The state machine, and how often it looks at a rendering: a client need not look more often."""

    state_machine_arn: str
    poll_interval: int


class VideoStatusResult(NamedTuple):
    """A video. ``version`` changes whenever the answer does; ``retry_after_seconds`` is ``None`` for a final video."""

    video: VideoStatusResponse
    version: str
    retry_after_seconds: int | None


class VideoQueries:
    """The videos of the caller."""

    def __init__(
        self,
        database: Database,
        views: Presenter,
        cursors: Cursors,
        workflow: VideoWorkflow,
        settings: VideoQuerySettings,
    ) -> None:
        self._videos = VideoLifecycle(database)
        self._views = views
        self._cursors = cursors
        self._workflow = workflow
        self._settings = settings

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        settings = VideoQuerySettings.from_environment()
        workflow = VideoWorkflow(settings.state_machine_arn)
        return cls(Database.shared(), Presenter.shared(), Cursors.shared(), workflow, settings)

    def get(
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
        video = self._videos.look(user_id, job_id)
        shown = self._views.video(video, disposition, filename)
        version = f"{self._views.video_version(video)} {disposition} {filename}"
        return VideoStatusResult(shown, version, self._again_seconds(video))

    def page(self, user_id: str, *, limit: int, status: VideoStatus | None, cursor: str | None) -> VideoListResponse:
        """One page, newest first.

        Raises:
            InvalidCursorError
        """
        list_name = f"videos {status or 'all'}"
        place = self._cursors.read(cursor, user_id=user_id, list_name=list_name) if cursor else None
        rows = self._videos.page(user_id, limit=limit, status=status, after_id=place.after_id if place else None)
        following = Position(rows.last_id, (place.page if place else 1) + 1) if rows.last_id else None
        return VideoListResponse(
            videos=[self._views.video(video) for video in rows.videos],
            limit=limit,
            next_cursor=self._cursors.make(following, user_id=user_id, list_name=list_name) if following else None,
        )

    def cancel(self, user_id: str, job_id: str) -> VideoStatusResponse:
        """Stop the making of a video. Harmless when it is cancelled already.

        The dream's analysis, where it still runs, is finished first: the dream stays in the history.

        Raises:
            VideoFinalError: it is completed or failed.
            VideoNotFoundError
        """
        video = self._videos.cancel(user_id, job_id, utc_now())
        if video.render_requested_at is not None:
            self._stop(job_id)
        return self._views.video(video)

    def _stop(self, job_id: str) -> None:
        """The end of the execution lets ``CloseStopped`` cancel at the provider; if it goes on, it does that itself."""
        try:
            self._workflow.stop(job_id)
        except ExecutionStopError:
            logger.warning("the execution goes on to its next look", extra={"job_id": job_id})

    def _again_seconds(self, video: VideoRecord) -> int | None:
        if video.status.is_final:
            return None
        if video.queued_since is not None:
            return self._settings.poll_interval * _QUEUED_FACTOR
        return _PENDING_SECONDS if video.status is VideoStatus.PENDING else self._settings.poll_interval
