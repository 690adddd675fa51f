"""State ``PollVideo``: one look at the rendering."""

from typing import Any

from dreamvision.producing import look_at_render
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    state = look_at_render(job.user_id, job.job_id, configured_renderer(), Videos(Database.shared()))
    return {"render": state.status, "progress": state.progress}
