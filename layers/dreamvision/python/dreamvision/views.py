"""Rows as the API shows them: the answers' models, with fresh signed addresses."""

import time
from collections.abc import Callable
from functools import cache
from typing import Self

from dreamvision.analysis import Category
from dreamvision.config import Config
from dreamvision.models.dreams import DreamAnalysisResponse, DreamDetail, DreamWithVideo, TokenUsage
from dreamvision.models.videos import VideoStatusResponse
from dreamvision.storage import LINK_SECONDS, MediaStore
from dreamvision.tables.dreams import DreamRecord
from dreamvision.tables.videos import VideoRecord

# A client that is told "not modified" goes on with links that it has: those of a version are good for half of their
# life at the least.
_VERSION_SECONDS = LINK_SECONDS // 2


class ViewSettings(Config):
    """The bucket that the addresses point into."""

    media_bucket: str


class Views:
    """Needs the media store for the addresses."""

    def __init__(self, media: MediaStore, clock: Callable[[], float] = time.time) -> None:
        self._media = media
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(MediaStore(ViewSettings.from_environment().media_bucket))

    def dream(self, dream: DreamRecord) -> DreamDetail:
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
            video_url=self._video_url(dream.video_key),
            thumbnail_url=self._thumbnail_url(dream.thumbnail_key),
        )

    def dream_with_video(self, dream: DreamRecord, video: VideoRecord | None) -> DreamWithVideo:
        return DreamWithVideo(**dict(self.dream(dream)), video=self.video(video) if video else None)

    def video(self, video: VideoRecord) -> VideoStatusResponse:
        return VideoStatusResponse(
            video_id=video.job_id,
            job_id=video.job_id,
            dream_id=video.dream_id,
            status=video.status,
            progress=video.progress,
            video_url=self._video_url(video.video_key),
            thumbnail_url=self._thumbnail_url(video.thumbnail_key),
            duration=video.duration,
            created_at=video.created_at,
            completed_at=video.completed_at,
            queued_since=video.queued_since,
            error_message=video.error_message,
        )

    def video_version(self, video: VideoRecord) -> str:
        """A text that changes whenever ``video`` would answer something else, but for the signatures in the links."""
        links = int(self._clock()) // _VERSION_SECONDS if video.video_key else None
        return f"{video.model_dump_json()} {links}"

    def _video_url(self, key: str | None) -> str | None:
        return self._media.presign_video(key) if key else None

    def _thumbnail_url(self, key: str | None) -> str | None:
        return self._media.presign_image(key) if key else None


def analysis_view(dream: DreamRecord) -> DreamAnalysisResponse:
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
