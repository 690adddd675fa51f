"""Map rows to API responses, with fresh signed URLs."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self, overload

from dreamvision.analysis.titles import opening_words
from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.ids import time_of
from dreamvision.dreams.models import AnalyzedDream, DreamRecord
from dreamvision.media.errors import rejection_message
from dreamvision.media.links import MediaLinks
from dreamvision.media.storage import UPLOAD_SECONDS
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import (
    AnalysisStatus,
    DreamAnalysisResponse,
    DreamDetail,
    DreamSummary,
    TokenUsage,
)
from dreamvision.schemas.uploads import ThumbnailUpload, UploadStatus
from dreamvision.schemas.videos import Disposition, VideoGenerationResponse, VideoStatusResponse
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.outcomes import error_code_of, is_counted, is_retryable, outcome_of_latest

# The form is valid for ten minutes; processing the upload takes seconds, or minutes with retries.
_UPLOAD_TIMEOUT = timedelta(seconds=UPLOAD_SECONDS, minutes=5)


class Presenter:
    """Maps records to API responses, with fresh signed URLs. ``clock`` returns Unix seconds."""

    def __init__(self, links: MediaLinks, clock: Callable[[], float] = time.time) -> None:
        self._links = links
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(MediaLinks.shared())

    def dream_summary(self, dream: DreamRecord) -> DreamSummary:
        """Return a dream as lists have it."""
        until = self._video_until(dream.latest_job_id, dream.video_key, dream.video_expires_at)
        error_code, retryable = outcome_of_latest(dream)
        return DreamSummary(
            id=dream.dream_id,
            user_id=dream.user_id,
            dream_text=dream.dream_text,
            analysis_status=dream.analysis_status,
            title=title_of(dream) if dream.analysis_status is AnalysisStatus.COMPLETED else None,
            video_prompt=dream.video_prompt,
            category=dream.category,
            template_used=dream.template_used,
            confidence=dream.confidence,
            token_usage=_token_usage(dream),
            created_at=dream.created_at,
            job_id=dream.latest_job_id,
            video_status=dream.video_status,
            queued_since=dream.queued_since,
            error_code=error_code,
            retryable=retryable,
            aspect_ratio=aspect_ratio_of(dream),
            video_url=self._links.video(dream.video_key, until=until),
            video_expires_at=until,
            thumbnail_url=self._links.image(dream.image_key or dream.thumbnail_key),
            preview_url=self._links.image(dream.preview_key),
            thumbnail_upload=self._thumbnail_upload(dream),
        )

    def dream(self, dream: DreamRecord, video: VideoRecord | None) -> DreamDetail:
        """Return the response for a dream with its latest video."""
        return DreamDetail(**dict(self.dream_summary(dream)), video=self.video(video) if video else None)

    def video(
        self, video: VideoRecord, disposition: Disposition = Disposition.INLINE, filename: str | None = None
    ) -> VideoStatusResponse:
        """Return the response for a video. ``filename`` names a download; default ``dream-2026-11-23.mp4``, by date."""
        until = self._video_until(video.job_id, video.video_key, video.video_expires_at)
        saved_as = _file_name(video, filename) if disposition is Disposition.ATTACHMENT else None
        return VideoStatusResponse(
            video_id=video.job_id,
            job_id=video.job_id,
            dream_id=video.dream_id,
            status=video.status,
            progress=video.progress,
            video_url=self._links.video(video.video_key, until=until, filename=saved_as),
            video_expires_at=until,
            thumbnail_url=self._links.image(video.thumbnail_key),
            preview_url=self._links.image(video.preview_key),
            duration=video.duration,
            aspect_ratio=video.aspect_ratio,
            seed=video.seed,
            video_prompt=video.video_prompt,
            created_at=video.created_at,
            completed_at=video.completed_at,
            queued_since=video.queued_since,
            estimated_completion_time=None if video.status.is_final else video.estimated_completion_at,
            error_message=video.error_message,
            error_code=error_code_of(video),
            retryable=is_retryable(video),
            counted=is_counted(video, self._now()),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _video_until(self, job_id: str | None, key: str | None, stored_until: datetime | None) -> datetime | None:
        return self._links.video_until(job_id, stored_until) if job_id and key else None

    def _thumbnail_upload(self, dream: DreamRecord) -> ThumbnailUpload | None:
        if dream.upload_id is None or dream.upload_status is None:
            return None
        status, now = dream.upload_status, self._now()
        if status is UploadStatus.PENDING and now > time_of(dream.upload_id) + _UPLOAD_TIMEOUT:
            status = UploadStatus.EXPIRED
        message = rejection_message(dream.upload_error) if dream.upload_error else None
        return ThumbnailUpload(upload_id=dream.upload_id, status=status, error_message=message)


def _file_name(video: VideoRecord, filename: str | None) -> str:
    name = filename or f"dream-{video.created_at:%Y-%m-%d}"
    return name if name.lower().endswith(".mp4") else f"{name}.mp4"


def generation_response(video: VideoRecord, estimated_completion: datetime) -> VideoGenerationResponse:
    """Return the response for a video that was just created."""
    return VideoGenerationResponse(
        video_id=video.job_id,
        job_id=video.job_id,
        status=video.status,
        created_at=video.created_at,
        estimated_completion_time=estimated_completion,
    )


@overload
def title_of(dream: DreamRecord) -> str: ...
@overload
def title_of(dream: AnalyzedDream) -> str | None: ...
def title_of(dream: DreamRecord | AnalyzedDream) -> str | None:
    """Return the title of an analyzed dream: the model's, or the beginning of the text for one that has none.

    ``None`` if the text is not at hand.
    """
    return dream.title or (None if dream.dream_text is None else opening_words(dream.dream_text))


def aspect_ratio_of(dream: DreamRecord | AnalyzedDream) -> AspectRatio | None:
    """Return the shape of the dream's latest video. Videos from before shapes were kept are landscape."""
    return (dream.aspect_ratio or AspectRatio.LANDSCAPE) if dream.latest_job_id else None


def analysis_response(dream: DreamRecord) -> DreamAnalysisResponse:
    """Return the response for the analysis of a dream.

    Raises:
        ValueError: the dream has no analysis.
    """
    usage = _token_usage(dream)
    if dream.video_prompt is None or dream.category is None or dream.template_used is None or usage is None:
        raise ValueError("the dream has no analysis")
    return DreamAnalysisResponse(
        dream_id=dream.dream_id,
        video_prompt=dream.video_prompt,
        category=Category(dream.category),
        template_used=dream.template_used,
        confidence=dream.confidence or 0.0,
        token_usage=usage,
        processing_time_ms=dream.processing_time_ms or 0,
        created_at=dream.created_at,
    )


def _token_usage(dream: DreamRecord) -> TokenUsage | None:
    if dream.input_tokens is None or dream.output_tokens is None:
        return None
    return TokenUsage(input=dream.input_tokens, output=dream.output_tokens)
