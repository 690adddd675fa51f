"""Rows as the API shows them: the answers' models, with fresh signed addresses."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self

from dreamvision.core.ids import time_of
from dreamvision.dreams.repository import DreamRecord
from dreamvision.media.errors import rejection_message
from dreamvision.media.links import MediaLinks
from dreamvision.media.storage import LINK_SECONDS, UPLOAD_SECONDS
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import DreamAnalysisResponse, DreamDetail, DreamWithVideo, TokenUsage
from dreamvision.schemas.uploads import ThumbnailUpload, UploadStatus
from dreamvision.schemas.videos import Disposition, VideoGenerationResponse, VideoStatusResponse
from dreamvision.videos.models import VideoRecord

# A client that is told "not modified" goes on with links that it has: those of a version are good for half of their
# life at the least.
_VERSION_SECONDS = LINK_SECONDS // 2
# The form is good for ten minutes; the look at what was sent takes seconds, or minutes when it is tried again.
_UPLOAD_PATIENCE = timedelta(seconds=UPLOAD_SECONDS, minutes=5)


class Presenter:
    """Needs the links for the addresses."""

    def __init__(self, links: MediaLinks, clock: Callable[[], float] = time.time) -> None:
        self._links = links
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(MediaLinks.shared())

    def dream(self, dream: DreamRecord) -> DreamDetail:
        until = self._video_until(dream.latest_job_id, dream.video_key, dream.video_expires_at)
        return DreamDetail(
            id=dream.dream_id,
            user_id=dream.user_id,
            dream_text=dream.dream_text,
            analysis_status=dream.analysis_status,
            video_prompt=dream.video_prompt,
            category=dream.category,
            template_used=dream.template_used,
            confidence=dream.confidence,
            token_usage=_usage(dream),
            created_at=dream.created_at,
            job_id=dream.latest_job_id,
            video_status=dream.video_status,
            video_url=self._links.video(dream.video_key, until=until),
            video_expires_at=until,
            thumbnail_url=self._links.image(dream.image_key or dream.thumbnail_key),
            preview_url=self._links.image(dream.preview_key),
            thumbnail_upload=self._upload(dream),
        )

    def dream_with_video(self, dream: DreamRecord, video: VideoRecord | None) -> DreamWithVideo:
        return DreamWithVideo(**dict(self.dream(dream)), video=self.video(video) if video else None)

    def video(
        self, video: VideoRecord, disposition: Disposition = Disposition.INLINE, filename: str | None = None
    ) -> VideoStatusResponse:
        """``filename`` is what a saved video is called, ``dream-2026-11-23.mp4`` by its date if it is left out."""
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
            created_at=video.created_at,
            completed_at=video.completed_at,
            queued_since=video.queued_since,
            error_message=video.error_message,
        )

    def video_version(self, video: VideoRecord) -> str:
        """A text that changes whenever ``video`` would answer something else, but for the signatures in the links."""
        until = self._video_until(video.job_id, video.video_key, video.video_expires_at)
        links = int(self._clock()) // _VERSION_SECONDS if video.video_key else None
        expired = until is not None and until.timestamp() <= self._clock()
        return f"{video.model_dump_json()} {until} {'expired' if expired else links}"

    def _video_until(self, job_id: str | None, key: str | None, kept_until: datetime | None) -> datetime | None:
        return self._links.video_until(job_id, kept_until) if job_id and key else None

    def _upload(self, dream: DreamRecord) -> ThumbnailUpload | None:
        if dream.upload_id is None or dream.upload_status is None:
            return None
        status, now = dream.upload_status, datetime.fromtimestamp(self._clock(), UTC)
        if status is UploadStatus.PENDING and now > time_of(dream.upload_id) + _UPLOAD_PATIENCE:
            status = UploadStatus.EXPIRED
        message = rejection_message(dream.upload_error) if dream.upload_error else None
        return ThumbnailUpload(upload_id=dream.upload_id, status=status, error_message=message)


def _file_name(video: VideoRecord, wanted: str | None) -> str:
    name = wanted or f"dream-{video.created_at:%Y-%m-%d}"
    return name if name.lower().endswith(".mp4") else f"{name}.mp4"


def generation_response(video: VideoRecord, estimated_completion: datetime) -> VideoGenerationResponse:
    """Return a video that was just created."""
    return VideoGenerationResponse(
        video_id=video.job_id,
        job_id=video.job_id,
        status=video.status,
        created_at=video.created_at,
        estimated_completion_time=estimated_completion,
    )


def analysis_response(dream: DreamRecord) -> DreamAnalysisResponse:
    """The analysis of a dream that has one."""
    usage = _usage(dream)
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


def _usage(dream: DreamRecord) -> TokenUsage | None:
    if dream.input_tokens is None or dream.output_tokens is None:
        return None
    return TokenUsage(input=dream.input_tokens, output=dream.output_tokens)
