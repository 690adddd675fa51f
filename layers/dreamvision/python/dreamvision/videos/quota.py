"""What is left of a user's quota."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from dreamvision.core.clock import utc_now
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.database.client import Database
from dreamvision.limits.daily_counts import counts_in
from dreamvision.limits.quotas import QuotaSettings, day_of, next_midnight
from dreamvision.limits.repository import day_guard, running_guard
from dreamvision.schemas.quota import CurrentUse, DailyUse, Quota
from dreamvision.users.repository import ProfileRepository


class QuotaReader:
    """Reads quotas: the tier and both counters by one call, for three read units."""

    def __init__(self, database: Database, settings: QuotaSettings, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._settings = settings
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment. It is cheap to create; only the database is shared."""
        return cls(Database.shared(), QuotaSettings.from_environment())

    def of(self, user_id: str) -> Quota:
        """Return what is left of the user's quota (consistent read).

        Raises:
            ContentionError: DynamoDB did not return all items.
        """
        now, names = self._now(), self._database.names
        day, running = day_guard(user_id, day_of(now)), running_guard(user_id)
        found = self._database.batch_get(
            {
                names.profiles_table: [{"user_id": user_id}],
                names.guards_table: [{"guard": day}, {"guard": running}],
            }
        )
        counters = {str(item["guard"]): item for item in found[names.guards_table]}
        used = counts_in(counters.get(day, {}))
        tier = ProfileRepository.profile_in(user_id, found[names.profiles_table]).subscription_tier
        videos, analyses = self._settings.of_tier(tier), self._settings.analyses_of_tier(tier)
        is_paused = 0 < videos.strikes <= used.strikes
        resets_at = next_midnight(now)
        return Quota(
            tier=SubscriptionTier.of(tier),
            videos_today=_daily(videos.per_day, used.videos, resets_at, is_paused),
            videos_now=_current(videos.concurrent, int(counters.get(running, {}).get("videos", 0))),
            analyses_today=_daily(analyses.per_day, used.analyses, resets_at, is_paused),
        )


def _daily(limit: int, used: int, resets_at: datetime, is_paused: bool) -> DailyUse:
    remaining = 0 if is_paused else max(0, limit - used)
    return DailyUse(limit=limit, used=used, remaining=remaining, resets_at=resets_at)


def _current(limit: int, used: int) -> CurrentUse:
    # More than the limit are used after a change to a lower tier.
    return CurrentUse(limit=limit, used=used, remaining=max(0, limit - used))
