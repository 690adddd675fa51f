"""Rows of the ``videos`` table: keys, fields and errors."""

from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Item
from dreamvision.database.compression import CompressedText, compress
from dreamvision.limits.quotas import QuotaReservation
from dreamvision.media.keys import new_media_token
from dreamvision.schemas.videos import VideoStatus

OPEN_MARK = "open"
"""The value of ``open_mark`` until a video is final. The index on it contains only the open videos, of all users."""


class VideoNotFoundError(DreamVisionError):
    """The caller has no video with this id."""

    default_message = "No such video."
    user_message = "This video does not exist."


class VideoFinalError(DreamVisionError):
    """The video is already completed, failed or cancelled, and its status can no longer change."""

    default_message = "The video is already in a final state."
    user_message = "This video is already finished."


class DreamNotAnalyzedError(DreamVisionError):
    """The dream has no analysis, which a video requires."""

    default_message = "The dream has no analysis."
    user_message = "This dream has not been analyzed yet."


class VideoOptions(NamedTuple):
    """How a video is made, and in how many seconds it is expected.

    ``video_prompt`` replaces the dream's own; ``seed`` is for the renderer.
    """

    aspect_ratio: AspectRatio | None = None
    seed: int | None = None
    video_prompt: str | None = None
    expected_seconds: int | None = None


DEFAULT_OPTIONS = VideoOptions()


class Media(NamedTuple):
    """The bucket keys of a finished video, sizes in pixels, and the time until which it is kept (None: for ever)."""

    video_key: str
    thumbnail_key: str
    preview_key: str | None
    width: int
    height: int
    thumbnail_width: int | None = None
    thumbnail_height: int | None = None
    expires_at: datetime | None = None


class VideoRecord(BaseModel):
    """A row of ``videos``.

    ``render_requested_at`` records the intent and is written before the render request. ``video_prompt`` is stored with
    it, or from the start if the user wrote it. Older rows have neither ``video_prompt`` nor ``seed`` nor
    ``aspect_ratio``: they are landscape. ``queued_since``: since when the provider has been keeping the render in its
    queue; the video stays pending until then. ``output_url`` is the provider's signed, short-lived link to the finished
    render; a final video has none.
    """

    model_config = ConfigDict(frozen=True)

    user_id: str
    job_id: str
    dream_id: str
    status: VideoStatus
    duration: int
    created_at: datetime
    updated_at: datetime
    media_token: str
    aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE
    seed: int | None = None
    video_prompt: CompressedText | None = None
    progress: int = 0
    render_requested_at: datetime | None = None
    provider_task_id: str | None = None
    output_url: str | None = None
    queued_since: datetime | None = None
    expected_seconds: int | None = None
    completed_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None
    credits: int | None = None
    video_key: str | None = None
    thumbnail_key: str | None = None
    preview_key: str | None = None
    video_expires_at: datetime | None = None
    width: int | None = None
    height: int | None = None
    thumbnail_width: int | None = None
    thumbnail_height: int | None = None
    quota_day: str | None = None
    quota_shard: int = 0

    @property
    def reservation(self) -> QuotaReservation | None:
        """The reservation under which the video is counted; ``None`` without one."""
        return QuotaReservation(self.quota_day, self.quota_shard) if self.quota_day else None

    @property
    def estimated_completion_at(self) -> datetime | None:
        """When the video is expected; ``None`` for a row from before estimates were kept."""
        return None if self.expected_seconds is None else self.created_at + timedelta(seconds=self.expected_seconds)


class OpenVideo(NamedTuple):
    """The keys and the creation time of a video that is not final."""

    user_id: str
    job_id: str
    created_at: datetime


class VideoPage(NamedTuple):
    """Rows, newest first, and the id after which the next page starts (``None`` on the last page)."""

    videos: list[VideoRecord]
    last_id: str | None


def row_key(user_id: str, job_id: str) -> dict[str, str]:
    """Return the primary key."""
    return {"user_id": user_id, "job_id": job_id}


def new_row(
    user_id: str, job_id: str, dream_id: str, duration: int, now: datetime, options: VideoOptions = DEFAULT_OPTIONS
) -> Item:
    """Return the row of a new video: pending, with a new media token."""
    made_with: Item = {"aspect_ratio": options.aspect_ratio or AspectRatio.LANDSCAPE}
    if options.seed is not None:
        made_with["seed"] = options.seed
    if options.video_prompt is not None:
        made_with["video_prompt"] = compress(options.video_prompt)
    if options.expected_seconds is not None:
        made_with["expected_seconds"] = options.expected_seconds
    return {
        **row_key(user_id, job_id),
        "dream_id": dream_id,
        "user_dream": f"{user_id}#{dream_id}",
        "status": VideoStatus.PENDING,
        "open_mark": OPEN_MARK,
        "progress": 0,
        "duration": duration,
        **made_with,
        "media_token": new_media_token(),
        "created_at": to_text(now),
        "updated_at": to_text(now),
    }
