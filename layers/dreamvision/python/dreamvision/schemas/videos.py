"""Videos: creation, status and lists."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber, whole_number

MIN_DURATION_SECONDS = 5
MAX_DURATION_SECONDS = 10

# Not based on ``WholeNumber``: constraints after a validator are missing from the JSON Schema.
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
        description="Signed URL of the MP4, valid for an hour; null once the video has expired.",
        examples=["https://media.s3.us-east-1.amazonaws.com/videos/019aae3c/video.mp4?X-Amz-Signature=..."],
    ),
]
VideoExpiry = Annotated[
    Timestamp,
    Field(description="When the video is deleted and `video_url` becomes null; null if never.", examples=[None]),
]
ThumbnailUrl = Annotated[
    str,
    Field(
        description="A JPEG at a public, unguessable URL whose content never changes.",
        examples=["https://media.example.com/5cOl4TCFJc0S1nBWyjQOwg/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.jpg"],
    ),
]
PreviewUrl = Annotated[
    str,
    Field(
        description="Three seconds of the video as an animated WebP, at a public, unguessable URL.",
        examples=["https://media.example.com/5cOl4TCFJc0S1nBWyjQOwg/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.webp"],
    ),
]


class VideoStatus(StrEnum):
    """The status of a video. It only moves forward: pending, processing, then one of the three final statuses."""

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
    """Whether a browser plays the video (`inline`) or downloads it (`attachment`)."""

    INLINE = "inline"
    ATTACHMENT = "attachment"


class VideoGenerationRequest(Request):
    """A video of an analyzed dream."""

    dream_id: UuidText = Field(description="The analyzed dream.")
    duration: Duration = 5


class VideoGenerationResponse(Response):
    """A video that is being created."""

    video_id: UuidText
    job_id: UuidText = Field(description="Poll `GET /api/v1/videos/{job_id}` with it.")
    status: VideoStatus
    created_at: Timestamp
    estimated_completion_time: Timestamp | None = None


class VideoStatusResponse(Response):
    """The status of a video and its URLs."""

    video_id: UuidText
    job_id: UuidText
    dream_id: UuidText
    status: VideoStatus = Field(examples=["completed"])
    progress: WholeNumber = Field(
        ge=0, le=100, description="Progress of the render in percent; 100 when completed.", examples=[100]
    )
    video_url: VideoUrl | None = None
    video_expires_at: VideoExpiry | None = None
    thumbnail_url: ThumbnailUrl | None = None
    preview_url: PreviewUrl | None = None
    duration: Duration
    created_at: Timestamp
    completed_at: Timestamp | None = None
    queued_since: Timestamp | None = Field(
        default=None, description="Since when the video has been waiting for render capacity.", examples=[None]
    )
    error_message: str | None = Field(
        default=None, description="Why the video failed; may be shown to the user.", examples=[None]
    )


class VideoListResponse(Response):
    """One page of the caller's videos, newest first."""

    videos: list[VideoStatusResponse]
    limit: WholeNumber = Field(ge=1, le=100, examples=[20])
    next_cursor: str | None = Field(
        default=None,
        examples=[None],
        description="Pass it as `cursor` to get the next page; null on the last page. With `status`, a page can have"
        " fewer videos than `limit` without being the last.",
    )
