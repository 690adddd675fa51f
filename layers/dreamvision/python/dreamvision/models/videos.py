"""Videos: what is asked for, and how far it is."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from dreamvision.models.base import Request, Response, Timestamp, UuidText, WholeNumber

MIN_DURATION_SECONDS = 5
MAX_DURATION_SECONDS = 10

Duration = Annotated[
    WholeNumber,
    Field(
        ge=MIN_DURATION_SECONDS, le=MAX_DURATION_SECONDS, description="Length of the video in seconds.", examples=[5]
    ),
]


class VideoStatus(StrEnum):
    """A video's status. It only moves forward: pending, processing, then one of the three final ones."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self in (VideoStatus.COMPLETED, VideoStatus.FAILED, VideoStatus.CANCELLED)


PictureUrl = Annotated[
    str | None, Field(default=None, description="An address for ever: public, unguessable, never another picture.")
]


FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f/\\]+$"),
    Field(examples=["my dream.mp4"]),
]


class Disposition(StrEnum):
    """What a browser does with a video: play it or save it."""

    INLINE = "inline"
    ATTACHMENT = "attachment"


class VideoGenerationRequest(Request):
    """A video of a dream that was analysed before."""

    dream_id: UuidText = Field(description="The dream to film.")
    duration: Duration = 5


class VideoGenerationResponse(Response):
    """A video that is being made."""

    video_id: UuidText
    job_id: UuidText = Field(description="Ask `GET /api/v1/videos/{job_id}` how far it is.")
    status: VideoStatus
    created_at: Timestamp
    estimated_completion_time: Timestamp | None = None


class VideoStatusResponse(Response):
    """How far a video is, and where to watch it."""

    video_id: UuidText
    job_id: UuidText
    dream_id: UuidText
    status: VideoStatus
    progress: WholeNumber = Field(ge=0, le=100, description="Per cent of the rendering; 100 when completed.")
    video_url: str | None = Field(
        default=None, description="A signed address of the MP4, good for an hour; null once the video has expired."
    )
    video_expires_at: Timestamp | None = Field(
        default=None, description="When the video will be deleted and `video_url` become null; null for never."
    )
    thumbnail_url: PictureUrl
    preview_url: PictureUrl
    duration: Duration
    created_at: Timestamp
    completed_at: Timestamp | None = None
    queued_since: Timestamp | None = Field(default=None, description="Waiting for a free place at the renderer since.")
    error_message: str | None = Field(default=None, description="Why it failed, in words for the user.")


class VideoListResponse(Response):
    """One page of the caller's videos, newest first."""

    videos: list[VideoStatusResponse]
    limit: WholeNumber = Field(ge=1, le=100)
    next_cursor: str | None = Field(
        default=None,
        description="Give it as `cursor` for the next page; null on the last. With `status` a page may have fewer "
        "videos than `limit` and yet not be the last.",
    )
