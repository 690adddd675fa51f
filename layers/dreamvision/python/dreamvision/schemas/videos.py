"""Videos: creation, status and lists."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber, whole_number
from dreamvision.schemas.error_codes import ErrorCode
from dreamvision.schemas.lengths import MAX_PROMPT_LENGTH, MIN_PROMPT_LENGTH

MIN_DURATION_SECONDS = 5
MAX_DURATION_SECONDS = 10
MAX_SEED = 4_294_967_295  # Runway's, 32 bits
_PROMPT = (
    "POV gentle rise through a dark forest, twisted trees drift past below, weightless perspective shifts, cold light"
    " from below, dreamlike momentum, quiet wonder."
)

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

# Not strict: stored responses have DynamoDB's numbers.
Seed = Annotated[int, Field(ge=0, le=MAX_SEED, examples=[1234567890])]
RequestedSeed = Annotated[Seed, Field(strict=True), BeforeValidator(whole_number)]
VideoPrompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, strict=True),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": MIN_PROMPT_LENGTH,
            "maxLength": MAX_PROMPT_LENGTH,
            "description": "A video prompt: one continuous shot on one line that starts with `POV`, 100 to 1,000"
            " characters (an emoji counts as two) and at most 150 words, without shot lists, time codes, jumps in time"
            " or `[placeholders]`.",
            "examples": [_PROMPT],
        }
    ),
]

VideoUrl = Annotated[
    str,
    Field(
        description="Signed URL of the MP4, valid for one to four hours, or until `video_expires_at` if that is sooner."
        " It is the same in every answer until an hour before its end, when the next one follows; null once the video"
        " has expired.",
        examples=[
            "https://media.example.com/videos/2f1c7c1e-8a54-4d4b-9d0c-1f2f1a9a7f10/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10.mp4"
            "?Expires=1795910400&Signature=MEUCIQDx...&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256"
        ],
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
    """The status of a video. It only moves forward.

    `pending` until the video is being made: during the analysis, and while it waits for render capacity
    (`queued_since`). `processing` while it is being made. `completed`, `failed` and `cancelled` are final.
    """

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


def _is_absent(value: object) -> bool:
    return value is None


RequestedAspectRatio = Annotated[
    AspectRatio | None,
    # Left out of the dump if absent: the digest of a repeated request is that of a request without the field.
    Field(
        exclude_if=_is_absent,
        description="The shape of the video. Default: the service's, `16:9` unless it is configured otherwise.",
        examples=["9:16"],
    ),
]


class VideoGenerationRequest(Request):
    """A video of an analyzed dream. With another prompt, seed or shape, the same dream becomes another video."""

    dream_id: UuidText = Field(description="The analyzed dream.")
    duration: Duration = 5
    aspect_ratio: RequestedAspectRatio = None
    video_prompt: VideoPrompt | None = Field(
        default=None, exclude_if=_is_absent, description="Instead of the dream's own prompt."
    )
    seed: RequestedSeed | None = Field(
        default=None,
        exclude_if=_is_absent,
        description="The renderer's random seed. The same prompt, seed, duration and shape give similar videos."
        " Default: a random one.",
    )


class VideoGenerationResponse(Response):
    """A video that is being created. `GET /api/v1/videos/{job_id}` returns its shape, seed and prompt."""

    video_id: UuidText
    job_id: UuidText = Field(description="Poll `GET /api/v1/videos/{job_id}` with it.")
    status: VideoStatus
    created_at: Timestamp
    estimated_completion_time: Timestamp | None = Field(
        default=None, description="From what videos have taken in the last hour."
    )


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
    aspect_ratio: AspectRatio = Field(description="The shape of the video.", examples=["9:16"])
    seed: Seed | None = Field(
        default=None, description="The random seed of the render; null for a video from before seeds were kept."
    )
    video_prompt: str | None = Field(
        default=None,
        description="The prompt that the video was made with; null until its render is requested.",
        examples=[_PROMPT],
    )
    created_at: Timestamp
    completed_at: Timestamp | None = None
    queued_since: Timestamp | None = Field(
        default=None,
        description="Since when a pending video has been waiting for render capacity; null if it is not.",
        examples=[None],
    )
    estimated_completion_time: Timestamp | None = Field(
        default=None,
        description="From what videos have taken in the last hour; null once the status is final. It can pass.",
        examples=[None],
    )
    error_message: str | None = Field(
        default=None, description="Why the video failed; may be shown to the user.", examples=[None]
    )
    error_code: ErrorCode | None = Field(
        default=None,
        description="Why the video failed or was cancelled, for programs; null for any other video.",
        examples=[None],
    )
    retryable: bool | None = Field(
        default=None,
        description="Whether a failed or cancelled video may succeed when it is tried again; null for any other.",
        examples=[None],
    )
    counted: bool | None = Field(
        default=None,
        description="Whether the video counts for its day: from the request of its render on, which costs money. Null"
        " while that is not decided.",
        examples=[True],
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
