"""Creation of videos within the quotas: the row, its reservations and the dream, in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database, Item
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.quotas import (
    AnalysisLimits,
    AnalysisQuotaExceededError,
    PremiumReserveError,
    QuotaReservation,
    ServiceAnalysesExceededError,
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    UserPausedError,
    VideoLimits,
    VideoQuotaExceededError,
    day_of,
    next_shard,
    seconds_to_midnight,
    shard_number,
)
from dreamvision.limits.repository import AnalysisReservation, LimitsRepository
from dreamvision.users.repository import AccountErasedError, ProfileRepository
from dreamvision.videos.models import DEFAULT_OPTIONS, DreamNotAnalyzedError, VideoOptions, VideoRecord, new_row
from dreamvision.videos.repository import VideoRepository

_MAX_ATTEMPTS = 8
NO_LIMITS = VideoLimits(per_day=10**9, concurrent=10**9, service_per_day=10**9)
NO_ANALYSIS_LIMITS = AnalysisLimits(per_day=10**9, service_per_day=10**9)


class VideoCreation(VideoRepository):
    """Creates videos, counted within the quotas."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._dreams = DreamRepository(database)
        self._profiles = ProfileRepository(database)
        self._limits = LimitsRepository(database)
        self._daily_counts = DailyCounts(database)

    def add_with_dream(
        self,
        user_id: str,
        job_id: str,
        dream_id: str,
        dream_text: str,
        duration: int,
        now: datetime,
        limits: VideoLimits = NO_LIMITS,
        analyses: AnalysisLimits = NO_ANALYSIS_LIMITS,
        options: VideoOptions = DEFAULT_OPTIONS,
    ) -> VideoRecord:
        """Create a dream that awaits its analysis, and its video; both are counted. Idempotent by ``job_id``.

        Raises:
            AccountErasedError: the account is being erased.
            UserPausedError and the errors of the quotas (``_insert``): nothing was written.
        """
        row = new_row(user_id, job_id, dream_id, duration, now, options)
        dream = self._dreams.row(user_id, dream_id, dream_text, now) | _copy_of_new(row) | {"latest_job_id": job_id}
        others = {"dream": self._dreams.put_write(dream), "profile": self._profiles.count_write(user_id, now, dreams=1)}
        try:
            # The shard of the video: two requests then meet on both of the service's counters or on none.
            return self._insert(row, others, limits, now, AnalysisReservation(analyses, shard_number(job_id)))
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise AccountErasedError from None
            raise

    def add(
        self,
        user_id: str,
        job_id: str,
        dream_id: str,
        duration: int,
        now: datetime,
        limits: VideoLimits = NO_LIMITS,
        options: VideoOptions = DEFAULT_OPTIONS,
    ) -> VideoRecord:
        """Create another video of an analyzed dream. Idempotent by ``job_id``.

        Raises:
            DreamNotFoundError: the user has no such dream.
            DreamNotAnalyzedError: the dream has no analysis.
            UserPausedError and the errors of the quotas (``_insert``): nothing was written.
        """
        row = new_row(user_id, job_id, dream_id, duration, now, options)
        of_former = ("video_key", "video_expires_at", "thumbnail_key", "preview_key", "video_error", "queued_since")
        cleared = dict.fromkeys(of_former)
        copy = _copy_of_new(row) | cleared
        others = {"dream": self._dreams.copy_video_write(user_id, dream_id, job_id, copy, first=True)}
        try:
            return self._insert(row, others, limits, now)
        except TransactionRefusedError:
            self._dreams.get(user_id, dream_id, consistent=True)
            raise DreamNotAnalyzedError from None

    def _insert(
        self,
        row: Item,
        others: Mapping[str, Write],
        limits: VideoLimits,
        now: datetime,
        analysis: AnalysisReservation | None = None,
    ) -> VideoRecord:
        """Write the row, its quota reservations and ``others`` in one transaction.

        A row that already exists (of an interrupted call) is returned unchanged, and nothing is counted again.

        Raises:
            UserPausedError: too many of the user's dreams were refused today.
            VideoQuotaExceededError, TooManyRunningVideosError, AnalysisQuotaExceededError: the user's quota is used up.
            PremiumReserveError, ServiceQuotaExceededError, ServiceAnalysesExceededError: that of the service is.
            TransactionRefusedError: a condition of ``others`` did not hold.
            ContentionError: the service quota's shards stayed contended.
        """
        user_id, job_id = row["user_id"], row["job_id"]
        reservation = QuotaReservation(day_of(now), shard_number(job_id))
        for _ in range(_MAX_ATTEMPTS):
            counted = row | {"quota_day": reservation.day, "quota_shard": reservation.shard}
            transaction = Transaction().add("video", self._insert_write(counted)).add_all(others)
            counts = self._limits.reserve_writes(user_id, reservation, limits, int(now.timestamp()), analysis)
            try:
                self._database.transact_write(transaction.add_all(counts))
            except TransactionRefusedError as refused:
                if "video" in refused.failed:
                    return self.get(user_id, job_id, consistent=True)
                if refused.failed & others.keys() or not refused.failed <= counts.keys():
                    raise
                self._require_room(user_id, refused.failed, limits, now, analysis)
                if "service" in refused.failed:
                    reservation = self._use_free_shard(reservation, limits, now)
                if analysis and "service_analyses" in refused.failed:
                    analysis = self._use_free_analysis_shard(analysis, now)
            else:
                return VideoRecord.model_validate(counted)
        raise ContentionError

    def _require_room(
        self,
        user_id: str,
        failed: frozenset[str],
        limits: VideoLimits,
        now: datetime,
        analysis: AnalysisReservation | None,
    ) -> None:
        """Raise the error of the user's quota that refused the transaction.

        The reason of a refused day is read afterwards: if it has gone in the meantime, the transaction is repeated.
        """
        if "daily" in failed:
            taken, seconds = self._daily_counts.of(user_id, day_of(now)), seconds_to_midnight(now)
            if 0 < limits.strikes <= taken.strikes:
                raise _refusal("paused", UserPausedError(seconds))
            if taken.videos >= limits.per_day:
                raise _refusal("daily", VideoQuotaExceededError(seconds))
            if analysis and taken.analyses >= analysis.limits.per_day:
                raise _refusal("analyses", AnalysisQuotaExceededError(seconds))
        if "concurrent" in failed:
            raise _refusal("concurrent", TooManyRunningVideosError())

    def _use_free_shard(self, reservation: QuotaReservation, limits: VideoLimits, now: datetime) -> QuotaReservation:
        free_shards = self._limits.shards_with_room(reservation.day, limits)
        if free_shards:
            return reservation._replace(shard=next_shard(reservation.shard, free_shards))
        if self._limits.shards_with_room(reservation.day, limits._replace(reserved=0)):
            raise _refusal("premiumReserve", PremiumReserveError(seconds_to_midnight(now)))
        raise _refusal("service", ServiceQuotaExceededError(seconds_to_midnight(now)))

    def _use_free_analysis_shard(self, analysis: AnalysisReservation, now: datetime) -> AnalysisReservation:
        free_shards = self._daily_counts.analysis_shards_with_room(day_of(now), analysis.limits)
        if not free_shards:
            raise _refusal("serviceAnalyses", ServiceAnalysesExceededError(seconds_to_midnight(now)))
        return analysis._replace(shard=next_shard(analysis.shard, free_shards))


def _copy_of_new(row: Item) -> Item:
    """Return what the dream's row repeats of a new video."""
    return {"video_status": row["status"], "aspect_ratio": row["aspect_ratio"]}


def _refusal[Error: DreamVisionError](reason: str, error: Error) -> Error:
    """Count the refusal and return its error."""
    count(Metric.QUOTA_REFUSALS, reason=reason)
    return error
