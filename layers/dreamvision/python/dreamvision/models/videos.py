"""Videos: what is asked for, and how far it is."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from dreamvision.models.base import Request, Response, Timestamp, UuidText, WholeNumber, whole_number

MIN_DURATION_SECONDS = 5
MAX_DURATION_SECONDS = 10

# Not made of ``WholeNumber``: limits that stand behind a validator do not get into the JSON Schema.
Duration = Annotated[
    int,
    Field(
        strict=True,
        ge=MIN_DURATION_SECONDS,
        le=MAX_DURATION_SECONDS,
        description="Length of the video in seconds.",
        examples=[5],
    ),
    BeforeValidator(whole_number),
]

VideoUrl = Annotated[
    str,
    Field(
        description="A signed address of the MP4, good for an hour.",
        examples=["https://media.example.com/019aae3c/video.mp4?signature=..."],
    ),
]
ThumbnailUrl = Annotated[
    str,
    Field(description="An address of the JPEG.", examples=["https://media.example.com/019aae3c/thumbnail.jpg"]),
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
    status: VideoStatus = Field(examples=["completed"])
    progress: WholeNumber = Field(
        ge=0, le=100, description="Per cent of the rendering; 100 when completed.", examples=[100]
    )
    video_url: VideoUrl | None = None
    thumbnail_url: ThumbnailUrl | None = None
    duration: Duration
    created_at: Timestamp
    completed_at: Timestamp | None = None
    queued_since: Timestamp | None = Field(
        default=None, description="Waiting for a free place at the renderer since.", examples=[None]
    )
    error_message: str | None = Field(
        default=None, description="Why it failed, in words for the user.", examples=[None]
    )


class VideoListResponse(Response):
    """One page of the caller's videos, newest first."""

    videos: list[VideoStatusResponse]
    limit: WholeNumber = Field(ge=1, le=100, examples=[20])
    next_cursor: str | None = Field(
        default=None,
        examples=[None],
        description="Give it as `cursor` for the next page; null on the last. With `status` a page may have fewer "
        "videos than `limit` and yet not be the last.",
    )
