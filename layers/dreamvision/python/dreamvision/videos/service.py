"""Create and cancel videos: write the rows, start the execution and, for ``generate-video``, await the analysis."""

import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.analysis.errors import analysis_error
from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import derived_id, new_id
from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.quotas import QuotaSettings
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.completion_times import CompletionTimes
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import DEFAULT_OPTIONS, VideoOptions, VideoRecord
from dreamvision.videos.workflow import ExecutionInput, VideoWorkflow, WorkflowUnavailableError

# Seconds between two checks for the analysis by a waiting request: frequent at first, then less so.
_FIRST_CHECK_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 1.0
# Typical duration of a render in seconds after the first wait (Runway, 5 to 10 seconds of video).
_TYPICAL_RENDER_SECONDS = 60

logger = Logger()


class VideoServiceSettings(QuotaSettings):
    """The quotas, the seconds before the first poll of a render, used to estimate the completion time, and the shape of
    videos whose request names none.
    """

    poll_first_wait: int
    default_aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE


class CreatedVideo(NamedTuple):
    """A new dream and its video."""

    dream_id: str
    video: VideoRecord


class VideoService:
    """Creates and cancels videos. Rows are written before the execution starts, so no execution lacks its rows."""

    def __init__(
        self,
        database: Database,
        workflow: VideoWorkflow,
        settings: VideoServiceSettings,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dreams = DreamRepository(database)
        self._videos = VideoLifecycle(database)
        self._profiles = ProfileRepository(database)
        self._times = CompletionTimes(database)
        self._workflow = workflow
        self._settings = settings
        self._sleep = sleep
        self._monotonic = monotonic

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        settings = VideoServiceSettings.from_environment()
        return cls(Database.shared(), VideoWorkflow.shared(), settings)

    def create_with_dream(
        self,
        user_id: str,
        dream_text: str,
        duration: int,
        options: VideoOptions = DEFAULT_OPTIONS,
        *,
        id_seed: str | None = None,
    ) -> CreatedVideo:
        """Create a dream and its video, and start the analysis and the render.

        The ids are derived from ``id_seed``: a repeated call with the same one resumes an interrupted one.

        Raises:
            AccountErasedError: the account is being erased.
            AnalysisQuotaExceededError, ServiceAnalysesExceededError: as below, for analyses.
            UserPausedError: too many of the user's dreams were refused today; nothing was written.
            VideoQuotaExceededError, TooManyRunningVideosError, PremiumReserveError, ServiceQuotaExceededError: a quota
                is used up; nothing was written.
            WorkflowUnavailableError: the execution did not start; dream and video are stored as failed.
        """
        (dream_id, job_id), now = _ids(id_seed), utc_now()
        tier = self._profiles.get(user_id).subscription_tier
        limits, analyses = self._settings.of_tier(tier), self._settings.analyses_of_tier(tier)
        video = self._videos.add_with_dream(
            user_id, job_id, dream_id, dream_text, duration, now, limits, analyses, self._complete(options, now)
        )
        self._start(ExecutionInput(user_id=user_id, dream_id=dream_id, job_id=job_id, needs_analysis=True), video)
        return CreatedVideo(dream_id, video)

    def create(
        self,
        user_id: str,
        dream_id: str,
        duration: int,
        options: VideoOptions = DEFAULT_OPTIONS,
        *,
        id_seed: str | None = None,
    ) -> VideoRecord:
        """Create another video of an analyzed dream. ``id_seed`` as in ``create_with_dream``.

        Raises:
            DreamNotFoundError: the user has no such dream.
            DreamNotAnalyzedError: the dream has no analysis.
            UserPausedError: too many of the user's dreams were refused today; nothing was written.
            VideoQuotaExceededError, TooManyRunningVideosError, PremiumReserveError, ServiceQuotaExceededError: a quota
                is used up; nothing was written.
            WorkflowUnavailableError: the execution did not start; the video is stored as failed.
        """
        (_, job_id), now = _ids(id_seed), utc_now()
        limits = self._settings.of_tier(self._profiles.get(user_id).subscription_tier)
        video = self._videos.add(user_id, job_id, dream_id, duration, now, limits, self._complete(options, now))
        self._start(ExecutionInput(user_id=user_id, dream_id=dream_id, job_id=job_id), video)
        return video

    def wait_for_analysis(self, user_id: str, dream_id: str, seconds: float) -> DreamRecord | None:
        """Return the dream once it is analyzed, or ``None`` after ``seconds``.

        Raises:
            AnalysisError: the analysis failed; the subclass is that of the workflow's error.
        """
        deadline = self._monotonic() + seconds
        pause = _FIRST_CHECK_SECONDS
        while True:
            self._sleep(min(pause, max(0.0, deadline - self._monotonic())))
            dream = self._dreams.get(user_id, dream_id, consistent=True)
            if dream.analysis_status is AnalysisStatus.COMPLETED:
                return dream
            if dream.analysis_status is AnalysisStatus.FAILED:
                raise analysis_error(dream.analysis_error)
            if self._monotonic() >= deadline:
                return None
            pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)

    def cancel(self, user_id: str, job_id: str) -> VideoRecord:
        """Cancel a video. Idempotent. A running analysis still completes, since the dream stays in the history.

        Raises:
            VideoFinalError: the video is completed or failed.
            VideoNotFoundError: the user has no such video.
        """
        video = self._videos.cancel(user_id, job_id, utc_now())
        if video.render_requested_at is not None:
            self._workflow.try_stop(job_id)
        return video

    def estimated_completion(self, video: VideoRecord) -> datetime:
        """Return the estimated completion time of a new video. Rows of earlier versions have none."""
        return video.estimated_completion_at or video.created_at + self._typical_time

    @property
    def _typical_time(self) -> timedelta:
        """The time that a video takes, if none was measured in the last hour."""
        return timedelta(seconds=self._settings.poll_first_wait + _TYPICAL_RENDER_SECONDS)

    def _complete(self, options: VideoOptions, now: datetime) -> VideoOptions:
        """Choose what the request left open. Runway does not report a seed that it chose itself."""
        return options._replace(
            expected_seconds=int((self._times.average(now) or self._typical_time).total_seconds()),
            aspect_ratio=options.aspect_ratio or self._settings.default_aspect_ratio,
            seed=secrets.randbits(32) if options.seed is None else options.seed,
        )

    def _start(self, job: ExecutionInput, video: VideoRecord) -> None:
        if video.error_code == WorkflowUnavailableError.__name__:
            raise WorkflowUnavailableError  # an interrupted earlier call, since closed by the sweeper
        if video.status.is_final:
            return
        try:
            self._workflow.start(job)
        except WorkflowUnavailableError as error:
            self._videos.fail(job.user_id, job.job_id, type(error).__name__, error.user_message, utc_now())
            raise


def _ids(id_seed: str | None) -> tuple[str, str]:
    """Return the ids of dream and video."""
    base = id_seed or new_id()
    return derived_id(base, "dream"), derived_id(base, "video")
