"""Media URLs for clients: signed and short-lived for videos, public and permanent for images."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self

from pydantic import Field

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.core.ids import time_of
from dreamvision.media.keys import public_url
from dreamvision.media.storage import LINK_SECONDS, MediaStore

# As long a link to a video stays the same.
LINK_PERIOD_SECONDS = LINK_SECONDS // 2


class LinkSettings(Config):
    """The bucket, the CDN for its images, and the days after which the bucket deletes a video (0: never)."""

    media_bucket: str
    media_base_url: str
    video_expiry_days: int = Field(default=0, ge=0)


def video_expiry(job_id: str, days: int) -> datetime | None:
    """Return the time until which a video is guaranteed to be available; ``None``: for ever.

    Counts from the time in ``job_id``. S3 counts from the upload, which is later, and deletes at the following midnight
    (UTC), so the object outlives the guarantee.
    """
    return time_of(job_id) + timedelta(days=days) if days else None


class MediaLinks:
    """Builds media URLs. ``now`` is the clock for expiry."""

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
        """Return this process's instance, configured from the environment."""
        settings = LinkSettings.from_environment()
        return cls(MediaStore(settings.media_bucket), settings.media_base_url, settings.video_expiry_days)

    def video_until(self, job_id: str, stored_until: datetime | None) -> datetime | None:
        """Return the time until which the video is guaranteed to be available; ``None``: for ever.

        The earlier of the stored time and the current setting, since a changed bucket rule applies to old videos too.
        """
        expiries = [stored_until, video_expiry(job_id, self._expiry_days)]
        return min((expiry for expiry in expiries if expiry is not None), default=None)

    def video(self, key: str | None, *, until: datetime | None, filename: str | None = None) -> str | None:
        """Return a URL valid for at least an hour, at most until ``until``; ``None`` without a key or after ``until``.

        Within half an hour it is the same URL, as long as the credentials are the same: a list that is loaded again
        shows the same films. With a ``filename`` the browser saves the video under that name instead of playing it.
        """
        now = self._now()
        if key is None or (until is not None and (until - now).total_seconds() < 1):
            return None
        signed_at = datetime.fromtimestamp(now.timestamp() // LINK_PERIOD_SECONDS * LINK_PERIOD_SECONDS, UTC)
        expires = LINK_SECONDS + LINK_PERIOD_SECONDS
        if until is not None:
            expires = min(expires, int((until - signed_at).total_seconds()))
        return self._store.presign_video(key, filename=filename, expires=expires, signed_at=signed_at)

    def image(self, key: str | None) -> str | None:
        """Return the permanent URL at the CDN; ``None`` without a key."""
        return public_url(self._base_url, key) if key else None
