"""State ``GenerateVideo``: the one that spends money."""

from typing import Any

from dreamvision.producing import start_render
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.dreams import Dreams
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    start_render(job.user_id, job.job_id, configured_renderer(), Dreams(Database.shared()), Videos(Database.shared()))
    return {}
