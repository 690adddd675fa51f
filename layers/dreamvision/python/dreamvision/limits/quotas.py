"""How many videos: reserved before money is spent, given back when nothing was spent.

A reservation is made in the transaction that writes the video's row, and given back in the one that makes it final: a
crash between the two leaves an open video, which the sweep closes. Days are those of UTC.
"""

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from pydantic import NonNegativeInt

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

PREMIUM_TIER = "premium"
# Every video of every user is counted for the service. Transactions that touch one item at the same time refuse each
# other, hence several items with a part of the ceiling each.
SERVICE_SHARDS = 8
# A video takes a minute or two.
_RUNNING_RETRY_SECONDS = 30


class VideoQuotaExceededError(DreamVisionError):
    """The user has had all videos of the day."""

    default_message = "The user's daily video quota is used up."
    user_message = "You have used all your videos for today. You can create more after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyRunningVideosError(DreamVisionError):
    """The user has as many videos in the making as may be at the same time."""

    default_message = "The user has too many videos in progress."
    user_message = "Your other videos are still being created. Please wait until one of them is finished."

    def __init__(self) -> None:
        super().__init__()
        self.retry_after_seconds = _RUNNING_RETRY_SECONDS


class ServiceQuotaExceededError(DreamVisionError):
    """All users together have had all videos of the day."""

    default_message = "The service's daily video quota is used up."
    user_message = "The service has reached its video limit for today. Please try again after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class VideoLimits(NamedTuple):
    """How many videos: of a user on a day, of a user at the same time, of everybody on a day."""

    per_day: int
    concurrent: int
    service_per_day: int

    def of_shard(self, shard: int) -> int:
        """The part of the service's ceiling that one of its items holds; all parts together are the ceiling."""
        return self.service_per_day // SERVICE_SHARDS + (shard < self.service_per_day % SERVICE_SHARDS)


class QuotaReservation(NamedTuple):
    """What a video was counted under: the day (``2026-11-23``, UTC), and the item of the service's count."""

    day: str
    shard: int


class QuotaSettings(Config):
    """The numbers by tier, and the service's ceiling."""

    free_videos_per_day: NonNegativeInt = 5
    free_concurrent_videos: NonNegativeInt = 2
    premium_videos_per_day: NonNegativeInt = 50
    premium_concurrent_videos: NonNegativeInt = 5
    service_videos_per_day: NonNegativeInt = 500

    def of_tier(self, tier: str) -> VideoLimits:
        """The limits of a subscription; those of the free one for a tier that is not known."""
        if tier == PREMIUM_TIER:
            own = (self.premium_videos_per_day, self.premium_concurrent_videos)
        else:
            own = (self.free_videos_per_day, self.free_concurrent_videos)
        return VideoLimits(*own, self.service_videos_per_day)


def day_of(now: datetime) -> str:
    """``2026-11-23``: the day that a video of this moment is counted on."""
    return now.astimezone(UTC).date().isoformat()


def seconds_to_midnight(now: datetime) -> int:
    """Until the next day begins, rounded up."""
    moment = now.astimezone(UTC)
    midnight = datetime.combine(moment.date() + timedelta(days=1), time(), UTC)
    return -int((moment - midnight) // timedelta(seconds=1))
