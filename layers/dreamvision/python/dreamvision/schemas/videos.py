"""Videos: what is asked for, and how far it is."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber, whole_number

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
        description="A signed address of the MP4, good for an hour; null once the video has expired.",
        examples=["https://media.s3.us-east-1.amazonaws.com/videos/019aae3c/video.mp4?X-Amz-Signature=..."],
    ),
]
VideoExpiry = Annotated[
    Timestamp,
    Field(description="When the video will be deleted and `video_url` become null; null for never.", examples=[None]),
]
ThumbnailUrl = Annotated[
    str,
    Field(
        description="A JPEG at a public, unguessable address that never shows another one.",
        examples=["https://media.example.com/5cOl4TCFJc0S1nBWyjQOwg/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.jpg"],
    ),
]
PreviewUrl = Annotated[
    str,
    Field(
        description="Three seconds of the video as an animated WebP, at a public, unguessable address.",
        examples=["https://media.example.com/5cOl4TCFJc0S1nBWyjQOwg/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.webp"],
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
    status: VideoStatus = Field(examples=["completed"])
    progress: WholeNumber = Field(
        ge=0, le=100, description="Per cent of the rendering; 100 when completed.", examples=[100]
    )
    video_url: VideoUrl | None = None
    video_expires_at: VideoExpiry | None = None
    thumbnail_url: ThumbnailUrl | None = None
    preview_url: PreviewUrl | None = None
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
