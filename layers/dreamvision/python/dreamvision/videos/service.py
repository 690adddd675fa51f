"""Taking in the wish for a video: rows first, then the execution, then (for the app's main call) the analysis."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.analysis.errors import analysis_error
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import derived_id, new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRecord, DreamRepository
from dreamvision.limits.quotas import QuotaSettings, VideoLimits
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.workflow import ExecutionInput, ExecutionStopError, VideoWorkflow, WorkflowUnavailableError

# How often a waiting request looks whether the analysis is there: quick at first, then calmer.
_FIRST_CHECK_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 1.0
# What a rendering usually takes beyond the first wait (Runway, 5 to 10 seconds of video).
_TYPICAL_RENDER_SECONDS = 60

logger = Logger()


class VideoServiceSettings(QuotaSettings):
    """The quotas, and the seconds before the first poll of a render, for the estimated time of completion."""

    poll_first_wait: int


class CreatedVideo(NamedTuple):
    """A dream and the video that is being made of it."""

    dream_id: str
    video: VideoRecord


class VideoService:
    """Starts videos. Rows are written before the execution starts, so that no execution lacks its rows."""

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
        self._workflow = workflow
        self._settings = settings
        self._sleep = sleep
        self._monotonic = monotonic

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        settings = VideoServiceSettings.from_environment()
        return cls(Database.shared(), VideoWorkflow.shared(), settings)

    def create_with_dream(
        self, user_id: str, dream_text: str, duration: int, *, seed: str | None = None
    ) -> CreatedVideo:
        """Take in a dream and start its analysis and its video.

        ``seed`` is what the ids are derived from: called again with the same one, this goes on where it broke off.

        Raises:
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: nothing was written.
            WorkflowUnavailableError: the execution did not start; dream and video are kept as failed.
        """
        dream_id, job_id = _ids(seed)
        limits = self._limits(user_id)
        video = self._videos.add_with_dream(user_id, job_id, dream_id, dream_text, duration, utc_now(), limits)
        self._start(ExecutionInput(user_id=user_id, dream_id=dream_id, job_id=job_id, needs_analysis=True), video)
        return CreatedVideo(dream_id, video)

    def create(self, user_id: str, dream_id: str, duration: int, *, seed: str | None = None) -> VideoRecord:
        """Start one more video of an analysed dream. ``seed`` as in ``film_new_dream``.

        Raises:
            DreamNotFoundError: no such dream.
            DreamNotAnalyzedError: it has no analysis.
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: nothing was written.
            WorkflowUnavailableError: the execution did not start; the video is kept as failed.
        """
        _, job_id = _ids(seed)
        video = self._videos.add(user_id, job_id, dream_id, duration, utc_now(), self._limits(user_id))
        self._start(ExecutionInput(user_id=user_id, dream_id=dream_id, job_id=job_id), video)
        return video

    def _limits(self, user_id: str) -> VideoLimits:
        return self._settings.of_tier(self._profiles.get(user_id).subscription_tier)

    def wait_for_analysis(self, user_id: str, dream_id: str, seconds: float) -> DreamRecord | None:
        """The dream once it is analysed, or ``None`` when that takes longer than ``seconds``.

        Raises:
            AnalysisError: the analysis failed; the class is the one that the workflow met.
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
        """Cancel a video. Idempotent. An analysis that is still running completes: the dream stays in the history.

        Raises:
            VideoFinalError: the video is completed or failed.
            VideoNotFoundError: the user has no such video.
        """
        video = self._videos.cancel(user_id, job_id, utc_now())
        if video.render_requested_at is not None:
            self._stop(job_id)
        return video

    def _stop(self, job_id: str) -> None:
        """Stop the execution: ``ExecutionStopped`` then cancels the render. One that goes on cancels it itself."""
        try:
            self._workflow.stop(job_id)
        except ExecutionStopError:
            logger.warning("the execution continues until its next poll", extra={"job_id": job_id})

    def estimated_completion(self, video: VideoRecord) -> datetime:
        """Return when a new video will probably be completed."""
        return video.created_at + timedelta(seconds=self._settings.poll_first_wait + _TYPICAL_RENDER_SECONDS)

    def _start(self, job: ExecutionInput, video: VideoRecord) -> None:
        if video.error_code == WorkflowUnavailableError.__name__:
            raise WorkflowUnavailableError  # the run before this one broke off here, and the sweep came
        if video.status.is_final:
            return
        try:
            self._workflow.start(job)
        except WorkflowUnavailableError as error:
            self._videos.fail(job.user_id, job.job_id, type(error).__name__, error.user_message, utc_now())
            raise


def _ids(seed: str | None) -> tuple[str, str]:
    """The ids of dream and video."""
    found = seed or new_id()
    return derived_id(found, "dream"), derived_id(found, "video")
