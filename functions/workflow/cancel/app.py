"""State ``CancelRender``: stops a rendering that is past its deadline or can no longer be seen."""

from typing import Any

from dreamvision.producing import cancel_render
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    cancel_render(job.user_id, job.job_id, configured_renderer(), Videos(Database.shared()))
    return {}
