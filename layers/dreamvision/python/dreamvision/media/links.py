"""Media URLs for clients: signed and short-lived for videos, public and permanent for images."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Self
from urllib.parse import quote

from pydantic import Field

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.core.ids import time_of
from dreamvision.media.keys import image_url, video_url
from dreamvision.media.signatures import SigningKey

# A day (UTC) has eight periods, in each of which a video's link stays the same.
_PERIOD_SECONDS = 3 * 3600
# A link is valid for this long after its period.
_LEAST_VALIDITY_SECONDS = 3600


class LinkSettings(Config):
    """The distribution of images and videos, its signing key's secret, and the days that videos are kept (0: all)."""

    media_base_url: str
    video_key_secret: str
    video_expiry_days: int = Field(default=0, ge=0)


def video_expiry(job_id: str, days: int) -> datetime | None:
    """Return the time until which a video is guaranteed to be available; ``None``: for ever.

    Counts from the time in ``job_id``. S3 counts from the upload, which is later, and deletes at the following midnight
    (UTC), so the object outlives the guarantee.
    """
    return time_of(job_id) + timedelta(days=days) if days else None


class MediaLinks:
    """Builds media URLs. ``key`` returns the key that signs videos, ``now`` is the clock for expiry."""

    def __init__(
        self,
        base_url: str,
        key: Callable[[], SigningKey],
        expiry_days: int = 0,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base_url = base_url
        self._key = key
        self._expiry_days = expiry_days
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        settings = LinkSettings.from_environment()
        key = partial(SigningKey.from_secret, settings.video_key_secret)
        return cls(settings.media_base_url, key, settings.video_expiry_days)

    def video_until(self, job_id: str, stored_until: datetime | None) -> datetime | None:
        """Return the time until which the video is guaranteed to be available; ``None``: for ever.

        The earlier of the stored time and the current setting, since a changed bucket rule applies to old videos too.
        """
        expiries = [stored_until, video_expiry(job_id, self._expiry_days)]
        return min((expiry for expiry in expiries if expiry is not None), default=None)

    def video(self, key: str | None, *, until: datetime | None, filename: str | None = None) -> str | None:
        """Return a URL valid for one to four hours, but not after ``until``; ``None`` without a key or after it.

        Within a period every process returns the same URL, so that reloading a list does not change its URLs. With a
        ``filename`` the browser saves the video under that name instead of playing it.

        Raises:
            ConfigurationError: the signing key cannot be read or is invalid.
        """
        now = self._now()
        if key is None or (until is not None and (until - now).total_seconds() < 1):
            return None
        periods = now.timestamp() // _PERIOD_SECONDS + 1
        expires_at = datetime.fromtimestamp(periods * _PERIOD_SECONDS + _LEAST_VALIDITY_SECONDS, UTC)
        url = video_url(self._base_url, key)
        if filename is not None:
            # S3 takes the header from the query: the distribution passes on this one parameter.
            url += f"?response-content-disposition={quote(_content_disposition(filename), safe='')}"
        return self._key().signed(url, expires_at if until is None else min(until, expires_at))

    def image(self, key: str | None) -> str | None:
        """Return the permanent URL; ``None`` without a key."""
        return image_url(self._base_url, key) if key else None


def _content_disposition(filename: str) -> str:
    """Return a header by RFC 6266: an ASCII name for old clients, and the percent-encoded full name for others."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
