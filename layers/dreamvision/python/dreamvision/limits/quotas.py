"""Quotas of what costs money: videos, analyses and refused dreams. Days are in UTC.

Videos are reserved before money is spent and released if nothing was spent. The transaction that writes the video's row
makes the reservation, and the one that makes the video final releases it: a crash in between leaves an open video,
which the sweep closes. Analyses are counted before Claude is called and never released.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, NamedTuple

from pydantic import Field, NonNegativeInt

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.subscription_tiers import SubscriptionTier

# All users' videos count against the service's quota. Concurrent transactions on one item conflict, so the counter is
# split into several items, each with a part of the quota.
SERVICE_SHARDS = 8
# A video takes one to two minutes.
_RUNNING_RETRY_SECONDS = 30


class VideoQuotaExceededError(DreamVisionError):
    """The user's daily quota is used up."""

    default_message = "The user's daily video quota is used up."
    user_message = "You have used all your videos for today. You can create more after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyRunningVideosError(DreamVisionError):
    """The user has reached the limit of concurrent videos."""

    default_message = "The user has too many videos in progress."
    user_message = "Your other videos are still being created. Please wait until one of them is finished."

    def __init__(self) -> None:
        super().__init__()
        self.retry_after_seconds = _RUNNING_RETRY_SECONDS


class ServiceQuotaExceededError(DreamVisionError):
    """The service's daily quota, shared by all users, is used up."""

    default_message = "The service's daily video quota is used up."
    user_message = "The service has reached its video limit for today. Please try again after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class PremiumReserveError(DreamVisionError):
    """What is left of the service's daily video quota is reserved for premium users."""

    default_message = "The rest of the service's daily video quota is reserved for premium users."
    user_message = "The free videos of today are used up. Please try again after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class AnalysisQuotaExceededError(DreamVisionError):
    """The user's daily quota of analyses is used up."""

    default_message = "The user's daily quota of analyses is used up."
    user_message = "You have told all your dreams for today. You can tell more after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class ServiceAnalysesExceededError(DreamVisionError):
    """The service's daily quota of analyses, shared by all users, is used up."""

    default_message = "The service's daily quota of analyses is used up."
    user_message = "The service can analyze no more dreams today. Please try again after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class UserPausedError(DreamVisionError):
    """Too many of the user's dreams were refused for their content today."""

    default_message = "The user is paused until midnight: too many dreams were refused for their content."
    user_message = (
        "Several of your dreams were refused because of their content. You can create again after midnight (UTC)."
    )

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class VideoLimits(NamedTuple):
    """Maximum videos: per user and day, per user concurrently, and of all users per day.

    ``reserved``: the part of ``service_per_day`` that this user may not take. ``strikes``: the refused dreams of a day
    after which the user is paused; 0 for never.
    """

    per_day: int
    concurrent: int
    service_per_day: int
    reserved: int = 0
    strikes: int = 0

    def of_shard(self, shard: int) -> int:
        """Return one shard's part of what this user may take; all parts add up to it.

        A shard counts the videos of both tiers. Its part never shrinks as the whole grows, so what free users can take
        of a shard is within what premium users can take of it, and the reserve is exact.
        """
        return shard_part(self.service_per_day - self.reserved, shard)


class AnalysisLimits(NamedTuple):
    """Maximum analyses per user and day and of all users per day. ``strikes`` as in ``VideoLimits``."""

    per_day: int
    service_per_day: int
    strikes: int = 0


class DayCounts(NamedTuple):
    """What a user has used of a day."""

    videos: int = 0
    analyses: int = 0
    strikes: int = 0


class QuotaReservation(NamedTuple):
    """The counters of a video: the day (``2026-11-23``, UTC) and the shard of the service's counter."""

    day: str
    shard: int


class QuotaSettings(Config):
    """The quotas by tier, and those of the service.

    ``premium_reserve``: percent of ``service_videos_per_day`` that only premium users may take. ``moderation_strikes``:
    refused dreams of a day after which a user is paused; 0 for never.
    """

    free_videos_per_day: NonNegativeInt = 5
    free_concurrent_videos: NonNegativeInt = 2
    premium_videos_per_day: NonNegativeInt = 50
    premium_concurrent_videos: NonNegativeInt = 5
    service_videos_per_day: NonNegativeInt = 500
    free_analyses_per_day: NonNegativeInt = 20
    premium_analyses_per_day: NonNegativeInt = 200
    service_analyses_per_day: NonNegativeInt = 5000
    premium_reserve: Annotated[int, Field(ge=0, le=100)] = 20
    moderation_strikes: NonNegativeInt = 5

    def of_tier(self, tier: str) -> VideoLimits:
        """Return the limits of a subscription tier; the free tier's for an unknown one."""
        service, strikes = self.service_videos_per_day, self.moderation_strikes
        if tier == SubscriptionTier.PREMIUM:
            return VideoLimits(self.premium_videos_per_day, self.premium_concurrent_videos, service, 0, strikes)
        reserved = service - service * (100 - self.premium_reserve) // 100
        return VideoLimits(self.free_videos_per_day, self.free_concurrent_videos, service, reserved, strikes)

    def analyses_of_tier(self, tier: str) -> AnalysisLimits:
        """Return the limits of analyses of a subscription tier; the free tier's for an unknown one."""
        per_day = self.premium_analyses_per_day if tier == SubscriptionTier.PREMIUM else self.free_analyses_per_day
        return AnalysisLimits(per_day, self.service_analyses_per_day, self.moderation_strikes)


def shard_part(limit: int, shard: int) -> int:
    """Return one shard's part of a limit; all parts add up to the limit."""
    return limit // SERVICE_SHARDS + (shard < limit % SERVICE_SHARDS)


def next_shard(shard: int, with_room: list[int]) -> int:
    """Return the next shard in the ring that has room, so that concurrent requests do not all move to the same one."""
    higher = [other for other in with_room if other > shard]
    return (higher or with_room)[0]


def shard_number(counted_id: str) -> int:
    """Return the shard that counts what has this id: a dream's or a video's, which end in random digits."""
    return int(counted_id[-4:], 16) % SERVICE_SHARDS


def day_of(now: datetime) -> str:
    """Return the UTC day on which a video is counted, as ``2026-11-23``."""
    return now.astimezone(UTC).date().isoformat()


def seconds_to_midnight(now: datetime) -> int:
    """Return the seconds until the next UTC day, rounded up."""
    return -int((now - next_midnight(now)) // timedelta(seconds=1))


def next_midnight(now: datetime) -> datetime:
    """Return the start of the next UTC day."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
