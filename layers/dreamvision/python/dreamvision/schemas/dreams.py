"""Dreams, their analysis, the history and its statistics."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.schemas.base import SPACE, Request, Response, Timestamp, UuidText, WholeNumber
from dreamvision.schemas.categories import Category
from dreamvision.schemas.error_codes import ErrorCode
from dreamvision.schemas.lengths import MAX_TITLE_LENGTH
from dreamvision.schemas.quota import Quota
from dreamvision.schemas.uploads import ThumbnailUpload
from dreamvision.schemas.videos import (
    Duration,
    PreviewUrl,
    RequestedAspectRatio,
    Seed,
    ThumbnailUrl,
    VideoExpiry,
    VideoGenerationResponse,
    VideoStatus,
    VideoStatusResponse,
    VideoUrl,
)

MIN_DREAM_LENGTH = 10
MAX_DREAM_LENGTH = 2000

# JSON Schema checks the length before trimming, so the pattern contains the limits and there is no maxLength. Without
# escapes above \xFF: generators write some of them, such as line separators, into their output as they are.
DREAM_TEXT_PATTERN = (
    rf"^[{SPACE}]*[^{SPACE}][\s\S]{{{MIN_DREAM_LENGTH - 2},{MAX_DREAM_LENGTH - 2}}}[^{SPACE}][{SPACE}]*$"
)


def _trimmed(value: object) -> object:
    # By ``str.strip`` and not by pydantic, whose spaces are not those of the pattern.
    return value.strip() if isinstance(value, str) else value


DreamText = Annotated[
    str,
    StringConstraints(strict=True, min_length=MIN_DREAM_LENGTH, max_length=MAX_DREAM_LENGTH),
    BeforeValidator(_trimmed),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": MIN_DREAM_LENGTH,
            "pattern": DREAM_TEXT_PATTERN,
            "description": "The dream in the user's own words: 10 to 2,000 Unicode characters after trimming.",
            "examples": ["I was flying over a dark forest with twisted trees"],
        }
    ),
]


Title = Annotated[
    str,
    Field(
        max_length=MAX_TITLE_LENGTH,
        description="A short title in the language of the dream.",
        examples=["Flying over the dark forest"],
    ),
]


class AnalysisStatus(StrEnum):
    """The status of a dream's analysis."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class DreamAnalysisRequest(Request):
    """A dream to analyze."""

    dream_text: DreamText
    user_id: UuidText | None = Field(default=None, description="The caller's own id. Optional.")


class CombinedDreamVideoRequest(Request):
    """A dream to create a video from."""

    dream_text: DreamText
    duration: Duration = 5
    aspect_ratio: RequestedAspectRatio = None


class TokenUsage(Response):
    """The number of tokens used by the analysis."""

    input: WholeNumber = Field(examples=[812])
    output: WholeNumber = Field(examples=[143])


class DreamAnalysisResponse(Response):
    """The analysis of a dream."""

    dream_id: UuidText
    video_prompt: str = Field(examples=["POV gentle rise through a dark forest, twisted trees drift past below ..."])
    category: Category = Field(examples=["flight"])
    template_used: str = Field(examples=["FLIGHT"])
    confidence: float = Field(ge=0, le=1, examples=[0.93])
    token_usage: TokenUsage
    processing_time_ms: WholeNumber = Field(ge=0, examples=[2341])
    created_at: Timestamp


class CombinedDreamVideoResponse(Response):
    """The analysis, and the video that is being created from it."""

    dream_id: UuidText
    job_id: UuidText = Field(description="Poll `GET /api/v1/videos/{job_id}` with it.")
    title: Title
    dream_analysis: DreamAnalysisResponse
    video_generation: VideoGenerationResponse
    aspect_ratio: AspectRatio = Field(examples=["9:16"])
    seed: Seed | None = Field(default=None, description="The random seed of the render.")
    quota: Quota


class AcceptedDreamVideo(Response):
    """The dream was accepted and its analysis is still running: poll the URL in the `Location` header."""

    dream_id: UuidText
    job_id: UuidText = Field(description="Poll `GET /api/v1/videos/{job_id}` with it.")
    status: VideoStatus
    estimated_completion_time: Timestamp | None = Field(
        default=None, description="From what videos have taken in the last hour."
    )
    aspect_ratio: AspectRatio = Field(examples=["9:16"])
    seed: Seed | None = Field(default=None, description="The random seed of the render.")
    quota: Quota


class DreamSummary(Response):
    """A dream in a list, with the main fields of its latest video.

    `title` and the five fields of the analysis are `null` until `analysis_status` is `completed`.
    """

    id: UuidText
    user_id: UuidText
    dream_text: str = Field(examples=["I was flying over a dark forest with twisted trees"])
    analysis_status: AnalysisStatus = Field(examples=["completed"])
    title: Title | None = None
    video_prompt: str | None = Field(
        default=None, examples=["POV gentle rise through a dark forest, twisted trees drift past below ..."]
    )
    category: Category | None = Field(default=None, examples=["flight"])
    template_used: str | None = Field(default=None, examples=["FLIGHT"])
    confidence: float | None = Field(default=None, ge=0, le=1, examples=[0.93])
    token_usage: TokenUsage | None = None
    created_at: Timestamp
    job_id: UuidText | None = Field(default=None, description="Id of the dream's latest video.")
    video_status: VideoStatus | None = Field(default=None, examples=["completed"])
    queued_since: Timestamp | None = Field(
        default=None,
        description="Since when the pending video has been waiting for render capacity; null if it is not.",
        examples=[None],
    )
    error_code: ErrorCode | None = Field(
        default=None, description="Why the video failed or was cancelled; null for any other video.", examples=[None]
    )
    retryable: bool | None = Field(
        default=None,
        description="Whether a failed or cancelled video may succeed when it is tried again; null for any other.",
        examples=[None],
    )
    aspect_ratio: AspectRatio | None = Field(
        default=None, description="The shape of the latest video; null without one.", examples=["9:16"]
    )
    video_url: VideoUrl | None = None
    video_expires_at: VideoExpiry | None = None
    thumbnail_url: ThumbnailUrl | None = Field(
        default=None,
        description="The uploaded image, or else a frame of the video: a JPEG or PNG at a public, unguessable URL whose"
        " content never changes.",
    )
    preview_url: PreviewUrl | None = None
    thumbnail_upload: ThumbnailUpload | None = Field(default=None, description="The latest image upload.")


class DreamDetail(DreamSummary):
    """A dream with its latest video."""

    video: VideoStatusResponse | None = None


class DreamListResponse(Response):
    """One page of the history, newest first."""

    dreams: list[DreamSummary]
    total: WholeNumber = Field(ge=0, description="Number of matching dreams on all pages.", examples=[1])
    page: WholeNumber = Field(
        ge=1, description="Page number. With `cursor`: the number of the previous page plus one.", examples=[1]
    )
    limit: WholeNumber = Field(ge=1, le=100, examples=[20])
    pages: WholeNumber = Field(ge=0, examples=[1])
    next_cursor: str | None = Field(
        default=None, description="Pass it as `cursor` to get the next page; null on the last page.", examples=[None]
    )


class MonthStatistics(Response):
    """Statistics of one calendar month, in UTC."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])
    dreams: WholeNumber = Field(ge=0, description="Dreams created in that month, without deleted ones.", examples=[3])
    videos: WholeNumber = Field(ge=0, description="Videos completed in that month, without deleted ones.", examples=[1])
    estimated_cost_usd: float = Field(ge=0, description="Estimated cost of that month.", examples=[0.603])


class EstimatedCost(Response):
    """Cost in US dollars at list prices, rounded to four decimals."""

    analyses: float = Field(ge=0, examples=[0.003])
    videos: float = Field(ge=0, examples=[0.6])
    total: float = Field(ge=0, examples=[0.603])


class DreamStatistics(Response):
    """The number of the caller's dreams and videos, and their tokens and estimated cost.

    Deleting lowers the counts, but not the tokens and costs: they are already spent. Failed and cancelled videos cost
    nothing here.
    """

    dreams_count: WholeNumber = Field(ge=0, examples=[3])
    videos_count: WholeNumber = Field(ge=0, description="Completed videos.", examples=[1])
    by_category: dict[Category, WholeNumber] = Field(
        examples=[{"gothic": 1, "chase": 0, "flight": 2, "transformation": 0, "physics": 0, "liminal": 0}]
    )
    by_month: list[MonthStatistics] = Field(description="The last twelve months, the current one first.")
    token_usage: TokenUsage
    estimated_cost_usd: EstimatedCost
