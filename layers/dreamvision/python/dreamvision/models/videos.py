"""Videos: what is asked for, and how far it is."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

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
    video_url: str | None = Field(default=None, description="A signed address of the MP4, good for an hour.")
    thumbnail_url: str | None = None
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
