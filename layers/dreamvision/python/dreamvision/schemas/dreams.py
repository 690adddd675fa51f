"""Dreams: what a person tells, and what the analysis made of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints, WithJsonSchema

from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber
from dreamvision.schemas.categories import Category
from dreamvision.schemas.uploads import ThumbnailUpload
from dreamvision.schemas.videos import (
    Duration,
    PreviewUrl,
    ThumbnailUrl,
    VideoExpiry,
    VideoGenerationResponse,
    VideoStatus,
    VideoStatusResponse,
    VideoUrl,
)

MIN_DREAM_LENGTH = 10
MAX_DREAM_LENGTH = 2000

# What is trimmed (Unicode's White_Space), as a class of characters that every dialect of patterns reads alike.
_SPACE = r"\t\n\v\f\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
# JSON Schema counts before trimming: the lengths are part of the pattern, and there is no greatest length.
DREAM_TEXT_PATTERN = (
    f"^[{_SPACE}]*[^{_SPACE}][\\s\\S]{{{MIN_DREAM_LENGTH - 2},{MAX_DREAM_LENGTH - 2}}}[^{_SPACE}][{_SPACE}]*$"
)

DreamText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, strict=True, min_length=MIN_DREAM_LENGTH, max_length=MAX_DREAM_LENGTH),
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


class AnalysisStatus(StrEnum):
    """Where a dream's analysis stands."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class DreamAnalysisRequest(Request):
    """A dream to analyse."""

    dream_text: DreamText
    user_id: UuidText | None = Field(default=None, description="The caller's own id, or left out.")


class CombinedDreamVideoRequest(Request):
    """A dream to analyse and to film in one go."""

    dream_text: DreamText
    duration: Duration = 5


class TokenUsage(Response):
    """Tokens that the analysis used."""

    input: WholeNumber = Field(examples=[812])
    output: WholeNumber = Field(examples=[143])


class DreamAnalysisResponse(Response):
    """An analysed dream."""

    dream_id: UuidText
    video_prompt: str = Field(examples=["POV gentle rise through a dark forest, twisted trees drift past below ..."])
    category: Category = Field(examples=["flight"])
    template_used: str = Field(examples=["FLIGHT"])
    confidence: float = Field(ge=0, le=1, examples=[0.93])
    token_usage: TokenUsage
    processing_time_ms: WholeNumber = Field(ge=0, examples=[2341])
    created_at: Timestamp


class CombinedDreamVideoResponse(Response):
    """The analysis, and the video that is being made from it."""

    dream_analysis: DreamAnalysisResponse
    video_generation: VideoGenerationResponse


class AcceptedDreamVideo(Response):
    """The dream was taken in and its analysis still runs: poll the `Location` header's address."""

    dream_id: UuidText
    job_id: UuidText
    status: VideoStatus


class DreamDetail(Response):
    """A dream of the history, with its latest video.

    The five fields of the analysis are `null` until `analysis_status` is `completed`.
    """

    id: UuidText
    user_id: UuidText
    dream_text: str = Field(examples=["I was flying over a dark forest with twisted trees"])
    analysis_status: AnalysisStatus = Field(examples=["completed"])
    video_prompt: str | None = Field(
        default=None, examples=["POV gentle rise through a dark forest, twisted trees drift past below ..."]
    )
    category: Category | None = Field(default=None, examples=["flight"])
    template_used: str | None = Field(default=None, examples=["FLIGHT"])
    confidence: float | None = Field(default=None, ge=0, le=1, examples=[0.93])
    token_usage: TokenUsage | None = None
    created_at: Timestamp
    job_id: UuidText | None = Field(default=None, description="The latest video of this dream.")
    video_status: VideoStatus | None = Field(default=None, examples=["completed"])
    video_url: VideoUrl | None = None
    video_expires_at: VideoExpiry | None = None
    thumbnail_url: ThumbnailUrl | None = Field(
        default=None,
        description="The picture that the user has uploaded, else one of the video: a JPEG or PNG at a public,"
        " unguessable address that never shows another one.",
    )
    preview_url: PreviewUrl | None = None
    thumbnail_upload: ThumbnailUpload | None = Field(default=None, description="The last picture that was announced.")


class DreamWithVideo(DreamDetail):
    """A dream with everything about its latest video."""

    video: VideoStatusResponse | None = None


class DreamListResponse(Response):
    """One page of the history, newest first."""

    dreams: list[DreamDetail]
    total: WholeNumber = Field(ge=0, description="All dreams that match, on all pages.", examples=[1])
    page: WholeNumber = Field(
        ge=1, description="With cursors: counted from the first page that one led from.", examples=[1]
    )
    limit: WholeNumber = Field(ge=1, le=100, examples=[20])
    pages: WholeNumber = Field(ge=0, examples=[1])
    next_cursor: str | None = Field(
        default=None, description="Give it as `cursor` for the next page; null on the last.", examples=[None]
    )


class MonthStatistics(Response):
    """One calendar month, in UTC."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$", examples=["2026-11"])
    dreams: WholeNumber = Field(ge=0, description="Dreams told in that month that are still there.", examples=[3])
    videos: WholeNumber = Field(ge=0, description="Videos completed in that month that are still there.", examples=[1])
    estimated_cost_usd: float = Field(ge=0, description="Spent in that month.", examples=[0.603])


class EstimatedCost(Response):
    """US dollars at list prices, rounded to four decimals."""

    analyses: float = Field(ge=0, examples=[0.003])
    videos: float = Field(ge=0, examples=[0.6])
    total: float = Field(ge=0, examples=[0.603])


class DreamStatistics(Response):
    """How much there is of the caller's, and what it took to make it.

    Deleting lowers the counts. Tokens and costs have been spent and stay; a failed or cancelled video costs nothing
    here.
    """

    dreams_count: WholeNumber = Field(ge=0, examples=[3])
    videos_count: WholeNumber = Field(ge=0, description="Completed videos.", examples=[1])
    by_category: dict[Category, WholeNumber] = Field(
        examples=[{"gothic": 1, "chase": 0, "flight": 2, "transformation": 0, "physics": 0, "liminal": 0}]
    )
    by_month: list[MonthStatistics] = Field(description="The last twelve months, this one first.")
    token_usage: TokenUsage
    estimated_cost_usd: EstimatedCost
