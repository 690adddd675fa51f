"""Map rows to messages of the WebSocket API."""

from dreamvision.dreams.models import AnalyzedDream
from dreamvision.queries.presenters import Presenter, aspect_ratio_of, title_of
from dreamvision.schemas.realtime import DreamAnalyzed, Event, VideoUpdated
from dreamvision.videos.models import VideoRecord


def build_event(row: VideoRecord | AnalyzedDream, presenter: Presenter) -> Event:
    """Return the event for a changed video or an analyzed dream, with fresh links."""
    if isinstance(row, VideoRecord):
        return VideoUpdated(**dict(presenter.video(row)), updated_at=row.updated_at)
    return DreamAnalyzed(
        dream_id=row.dream_id,
        job_id=row.latest_job_id,
        title=title_of(row),
        aspect_ratio=aspect_ratio_of(row),
        category=row.category,
        template_used=row.template_used,
        confidence=row.confidence,
        video_prompt=row.video_prompt,
        updated_at=row.analyzed_at,
    )
