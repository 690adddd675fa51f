"""The quotas of analyses that are not part of a video's request: counted before Claude is called, never given back."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from dreamvision.core.clock import utc_now
from dreamvision.core.metrics import Metric, count
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.database.client import Database
from dreamvision.database.transactions import ContentionError
from dreamvision.limits.daily_counts import DailyCounts, counts_in
from dreamvision.limits.quotas import (
    AnalysisQuotaExceededError,
    QuotaSettings,
    ServiceAnalysesExceededError,
    UserPausedError,
    day_of,
    next_shard,
    seconds_to_midnight,
    shard_number,
)
from dreamvision.users.repository import ProfileRepository

_MAX_ATTEMPTS = 8


class AnalysisQuota:
    """Counts analyses, first for the user and then for the service.

    Two plain writes cost half as much as a transaction. A crash between them leaves an analysis counted for the user
    that was not made.
    """

    def __init__(self, database: Database, settings: QuotaSettings, now: Callable[[], datetime] = utc_now) -> None:
        self._counts = DailyCounts(database)
        self._profiles = ProfileRepository(database)
        self._settings = settings
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment. It is cheap to create; only the database is shared."""
        return cls(Database.shared(), QuotaSettings.from_environment())

    def count(self, user_id: str, dream_id: str) -> None:
        """Count the analysis of a dream, unless the user's last one counted was for the same dream.

        Raises:
            UserPausedError, AnalysisQuotaExceededError, ServiceAnalysesExceededError: nothing was counted.
            ContentionError: concurrent requests outlasted the retries.
        """
        now = self._now()
        if self._count_for_user(user_id, dream_id, now) and not self._count_for_service(dream_id, now):
            self._counts.uncount_analysis(user_id, now)
            count(Metric.QUOTA_REFUSALS, reason="serviceAnalyses")
            raise ServiceAnalysesExceededError(seconds_to_midnight(now))

    def _count_for_user(self, user_id: str, dream_id: str, now: datetime) -> bool:
        """Count for the user. Return false if this dream was counted last. The tier is read only if it decides."""
        limits = min(self._settings.analyses_of_tier(tier) for tier in SubscriptionTier)
        tried = self._counts.count_analysis(user_id, dream_id, limits, now)
        if not tried.applied and counts_in(tried.item).analyses >= limits.per_day:
            limits = self._settings.analyses_of_tier(self._profiles.get(user_id).subscription_tier)
            tried = self._counts.count_analysis(user_id, dream_id, limits, now)
        if tried.applied:
            return True
        if tried.item.get("counted") == dream_id:
            return False
        found = counts_in(tried.item)
        if 0 < limits.strikes <= found.strikes:
            count(Metric.QUOTA_REFUSALS, reason="paused")
            raise UserPausedError(seconds_to_midnight(now))
        count(Metric.QUOTA_REFUSALS, reason="analyses")
        raise AnalysisQuotaExceededError(seconds_to_midnight(now))

    def _count_for_service(self, dream_id: str, now: datetime) -> bool:
        limits = self._settings.analyses_of_tier(SubscriptionTier.FREE)
        shard = shard_number(dream_id)
        for _ in range(_MAX_ATTEMPTS):
            if self._counts.count_service_analysis(shard, limits, now):
                return True
            with_room = self._counts.analysis_shards_with_room(day_of(now), limits)
            if not with_room:
                return False
            shard = next_shard(shard, with_room)
        raise ContentionError
