"""Video quotas: reserved before money is spent, released if nothing was spent.

The transaction that writes the video's row makes the reservation, and the one that makes the video final releases it: a
crash in between leaves an open video, which the sweep closes. Days are in UTC.
"""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from pydantic import NonNegativeInt

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

PREMIUM_TIER = "premium"
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


class VideoLimits(NamedTuple):
    """Maximum videos: per user and day, per user concurrently, and of all users per day."""

    per_day: int
    concurrent: int
    service_per_day: int

    def of_shard(self, shard: int) -> int:
        """Return one shard's part of the service's quota; all parts add up to the quota."""
        return self.service_per_day // SERVICE_SHARDS + (shard < self.service_per_day % SERVICE_SHARDS)


class QuotaReservation(NamedTuple):
    """The counters of a video: the day (``2026-11-23``, UTC) and the shard of the service's counter."""

    day: str
    shard: int


class QuotaSettings(Config):
    """The quotas by tier, and the service's quota."""

    free_videos_per_day: NonNegativeInt = 5
    free_concurrent_videos: NonNegativeInt = 2
    premium_videos_per_day: NonNegativeInt = 50
    premium_concurrent_videos: NonNegativeInt = 5
    service_videos_per_day: NonNegativeInt = 500

    def of_tier(self, tier: str) -> VideoLimits:
        """Return the limits of a subscription tier; the free tier's for an unknown one."""
        if tier == PREMIUM_TIER:
            user_limits = (self.premium_videos_per_day, self.premium_concurrent_videos)
        else:
            user_limits = (self.free_videos_per_day, self.free_concurrent_videos)
        return VideoLimits(*user_limits, self.service_videos_per_day)


def shard_number(counted_id: str) -> int:
    """Return the shard that counts what has this id: a dream's or a video's, which end in random digits."""
    return int(counted_id[-4:], 16) % SERVICE_SHARDS


def day_of(now: datetime) -> str:
    """Return the UTC day on which a video is counted, as ``2026-11-23``."""
    return now.astimezone(UTC).date().isoformat()


def seconds_to_midnight(now: datetime) -> int:
    """Return the seconds until the next UTC day, rounded up."""
    moment = now.astimezone(UTC)
    midnight = datetime.combine(moment.date() + timedelta(days=1), time(), UTC)
    return -int((moment - midnight) // timedelta(seconds=1))
