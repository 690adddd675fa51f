"""Rows of ``dreams``."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.database.compression import CompressedText
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.uploads import UploadStatus
from dreamvision.schemas.videos import VideoStatus

IMAGE_KEY = "picture_key"
"""The attribute that holds the key of the user's own image."""


class DreamRecord(BaseModel):
    """A row of ``dreams``.

    ``image_key`` is the user's own image; ``replaced_key`` the previous one, to be deleted or already deleted;
    ``upload_*`` the last announced upload; ``upload_object`` S3's sequencer of the one object that was accepted for it,
    ``upload_error`` the class name of the error that rejected it. ``video_*`` and ``queued_since`` are copied from the
    latest video; ``video_error`` is the class name of the error that it failed with.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    user_id: str
    dream_id: str
    dream_text: CompressedText
    analysis_status: AnalysisStatus
    created_at: datetime
    title: CompressedText | None = None
    video_prompt: CompressedText | None = None
    category: Category | None = None
    template_used: str | None = None
    confidence: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model: str | None = None
    processing_time_ms: int | None = None
    analysis_error: str | None = None
    analyzed_at: datetime | None = None
    latest_job_id: str | None = None
    video_status: VideoStatus | None = None
    video_error: str | None = None
    queued_since: datetime | None = None
    aspect_ratio: AspectRatio | None = None
    video_key: str | None = None
    video_expires_at: datetime | None = None
    thumbnail_key: str | None = None
    preview_key: str | None = None
    image_key: str | None = Field(default=None, validation_alias=IMAGE_KEY)
    replaced_key: str | None = None
    upload_id: str | None = None
    upload_token: str | None = None
    upload_status: UploadStatus | None = None
    upload_error: str | None = None
    upload_object: str | None = None
    text_apart: bool = False


class AnalyzedDream(BaseModel):
    """What an event says of an analyzed dream. ``dream_text`` is ``None`` if it is stored separately."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    dream_id: str
    analyzed_at: datetime
    category: Category
    template_used: str
    confidence: float
    video_prompt: CompressedText
    title: CompressedText | None = None
    dream_text: CompressedText | None = None
    aspect_ratio: AspectRatio | None = None
    latest_job_id: str | None = None
