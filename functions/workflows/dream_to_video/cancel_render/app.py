"""State ``CancelRender``: cancel a render that is past its deadline or can no longer be polled."""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.render import cancel_render
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    cancel_render(job.user_id, job.job_id, configured_renderer(), VideoLifecycle(Database.shared()))
    return {}
