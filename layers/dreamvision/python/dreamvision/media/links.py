"""The addresses of media as clients get them: signed and short-lived for videos, public and for ever for pictures."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Self

from pydantic import Field

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.core.ids import time_of
from dreamvision.media.keys import public_url
from dreamvision.media.storage import LINK_SECONDS, MediaStore


class LinkSettings(Config):
    """The bucket, the CDN in front of its pictures, and after how many days it forgets a video (0: never)."""

    media_bucket: str
    media_base_url: str
    video_expiry_days: int = Field(default=0, ge=0)


def video_expiry(job_id: str, days: int) -> datetime | None:
    """Until when a video of this job is promised; ``None`` for ever.

    Counts from the moment in the job's id. S3 counts from the upload, which is later, and deletes at the following
    midnight (UTC): the object outlives the promise.
    """
    return time_of(job_id) + timedelta(days=days) if days else None


class MediaLinks:
    """Makes the addresses. ``now`` is the clock that expiry is judged by."""

    def __init__(
        self, store: MediaStore, base_url: str, expiry_days: int = 0, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._store = store
        self._base_url = base_url
        self._expiry_days = expiry_days
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        settings = LinkSettings.from_environment()
        return cls(MediaStore(settings.media_bucket), settings.media_base_url, settings.video_expiry_days)

    def video_until(self, job_id: str, kept_until: datetime | None) -> datetime | None:
        """Until when the video is promised: by what was written when it was stored, or by today's setting.

        The earlier one counts, since the bucket's rule holds for old videos too once it is changed.
        """
        promises = [kept_until, video_expiry(job_id, self._expiry_days)]
        return min((promise for promise in promises if promise is not None), default=None)

    def video(self, key: str | None, *, until: datetime | None, filename: str | None = None) -> str | None:
        """A signed address for an hour, or for what is left until ``until``; ``None`` when there is nothing (left).

        With a ``filename`` the browser saves the video under it instead of playing it.
        """
        if key is None:
            return None
        left = LINK_SECONDS if until is None else min(LINK_SECONDS, int((until - self._now()).total_seconds()))
        return self._store.presign_video(key, filename=filename, expires=left) if left > 0 else None

    def image(self, key: str | None) -> str | None:
        """The address at the CDN, which never changes."""
        return public_url(self._base_url, key) if key else None
