"""State ``ArchiveVideo``: copy the rendered video to the media bucket and complete it.

The only function with PyAV, so it has no provider's key: PollVideo stores the link to the render in the video's row.
"""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    archived = VideoArchiver.shared().keep(job.user_id, job.job_id, VideoLifecycle(Database.shared()))
    if archived is None:
        return {}
    return {"bytes": archived.size_bytes, "width": archived.width, "height": archived.height}
