"""State ``ArchiveVideo``: copy the rendered video to the media bucket and complete it.

The only function with PyAV.
"""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    archived = VideoArchiver.shared().keep(
        job.user_id, job.job_id, configured_renderer(), VideoLifecycle(Database.shared())
    )
    if archived is None:
        return {}
    return {"bytes": archived.size_bytes, "width": archived.width, "height": archived.height}
