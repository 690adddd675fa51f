"""Creation of videos within the quotas: the row, its reservations and the dream, in one transaction."""

from collections.abc import Mapping
from datetime import datetime

from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database, Item
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.quotas import (
    QuotaReservation,
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    VideoLimits,
    VideoQuotaExceededError,
    day_of,
    seconds_to_midnight,
    shard_number,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import AccountErasedError, ProfileRepository
from dreamvision.videos.models import DreamNotAnalyzedError, VideoRecord, new_row
from dreamvision.videos.repository import VideoRepository

_MAX_ATTEMPTS = 8
NO_LIMITS = VideoLimits(per_day=10**9, concurrent=10**9, service_per_day=10**9)


class VideoCreation(VideoRepository):
    """Creates videos, counted within the quotas."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._dreams = DreamRepository(database)
        self._profiles = ProfileRepository(database)
        self._limits = LimitsRepository(database)

    def add_with_dream(
        self,
        user_id: str,
        job_id: str,
        dream_id: str,
        dream_text: str,
        duration: int,
        now: datetime,
        limits: VideoLimits = NO_LIMITS,
    ) -> VideoRecord:
        """Create a dream that awaits its analysis, and its video. Idempotent by ``job_id``.

        Raises:
            AccountErasedError: the account is being erased.
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: a quota is used up.
        """
        dream = self._dreams.row(user_id, dream_id, dream_text, now)
        dream |= {"latest_job_id": job_id, "video_status": VideoStatus.PENDING}
        others = {"dream": self._dreams.put_write(dream), "profile": self._profiles.count_write(user_id, now, dreams=1)}
        try:
            return self._insert(new_row(user_id, job_id, dream_id, duration, now), others, limits, now)
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
    ) -> VideoRecord:
        """Create another video of an analyzed dream. Idempotent by ``job_id``.

        Raises:
            DreamNotFoundError: the user has no such dream.
            DreamNotAnalyzedError: the dream has no analysis.
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: a quota is used up.
        """
        cleared = dict.fromkeys(("video_key", "video_expires_at", "thumbnail_key", "preview_key"))
        copy: Item = {"video_status": VideoStatus.PENDING, **cleared}
        others = {"dream": self._dreams.copy_video_write(user_id, dream_id, job_id, copy, first=True)}
        try:
            return self._insert(new_row(user_id, job_id, dream_id, duration, now), others, limits, now)
        except TransactionRefusedError:
            self._dreams.get(user_id, dream_id, consistent=True)
            raise DreamNotAnalyzedError from None

    def _insert(self, row: Item, others: Mapping[str, Write], limits: VideoLimits, now: datetime) -> VideoRecord:
        """Write the row, its quota reservations and ``others`` in one transaction.

        A row that already exists (of an interrupted call) is returned unchanged, and nothing is counted again.

        Raises:
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: a quota is used up.
            TransactionRefusedError: a condition of ``others`` did not hold.
            ContentionError: the service quota's shards stayed contended.
        """
        user_id, job_id = row["user_id"], row["job_id"]
        reservation = QuotaReservation(day_of(now), shard_number(job_id))
        for _ in range(_MAX_ATTEMPTS):
            counted = row | {"quota_day": reservation.day, "quota_shard": reservation.shard}
            transaction = Transaction().add("video", self._insert_write(counted)).add_all(others)
            transaction.add_all(self._limits.reserve_writes(user_id, reservation, limits, int(now.timestamp())))
            try:
                self._database.transact_write(transaction)
            except TransactionRefusedError as refused:
                if "video" in refused.failed:
                    return self.get(user_id, job_id, consistent=True)
                if refused.failed & others.keys():
                    raise
                if "daily" in refused.failed:
                    count(Metric.QUOTA_REFUSALS, reason="daily")
                    raise VideoQuotaExceededError(seconds_to_midnight(now)) from None
                if "concurrent" in refused.failed:
                    count(Metric.QUOTA_REFUSALS, reason="concurrent")
                    raise TooManyRunningVideosError from None
                if "service" not in refused.failed:
                    raise
                reservation = self._use_free_shard(reservation, limits, now)
            else:
                return VideoRecord.model_validate(counted)
        raise ContentionError

    def _use_free_shard(self, reservation: QuotaReservation, limits: VideoLimits, now: datetime) -> QuotaReservation:
        free_shards = self._limits.shards_with_room(reservation.day, limits)
        if not free_shards:
            count(Metric.QUOTA_REFUSALS, reason="service")
            raise ServiceQuotaExceededError(seconds_to_midnight(now))
        # The next shard in the ring, so that concurrent requests do not all move to the same one.
        higher = [shard for shard in free_shards if shard > reservation.shard]
        return reservation._replace(shard=(higher or free_shards)[0])
