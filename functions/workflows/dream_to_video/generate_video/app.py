"""State ``GenerateVideo``: start the render at the provider. The state that costs money."""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.render import start_render
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    start_render(
        job.user_id,
        job.job_id,
        configured_renderer(),
        DreamRepository(Database.shared()),
        VideoLifecycle(Database.shared()),
    )
    return {}
