"""Rows as the messages of the WebSocket API."""

from dreamvision.dreams.repository import AnalyzedDream
from dreamvision.queries.presenters import Presenter
from dreamvision.schemas.realtime import DreamAnalyzed, Event, VideoUpdated
from dreamvision.videos.models import VideoRecord


def build_event(row: VideoRecord | AnalyzedDream, views: Presenter) -> Event:
    """What a client is told of a video or of an analysed dream, with fresh links."""
    if isinstance(row, VideoRecord):
        return VideoUpdated(**dict(views.video(row)), updated_at=row.updated_at)
    return DreamAnalyzed(
        dream_id=row.dream_id,
        job_id=row.latest_job_id,
        category=row.category,
        template_used=row.template_used,
        confidence=row.confidence,
        video_prompt=row.video_prompt,
        updated_at=row.analyzed_at,
    )
