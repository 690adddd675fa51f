"""Rows as the messages of the WebSocket API."""

from dreamvision.models.realtime import DreamAnalyzed, Event, VideoUpdated
from dreamvision.tables.dreams import AnalyzedDream
from dreamvision.tables.video_rows import VideoRecord
from dreamvision.views import Views


def event_of(row: VideoRecord | AnalyzedDream, views: Views) -> Event:
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
