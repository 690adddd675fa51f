"""State ``AnalyzeDream``: Claude writes the video prompt of a dream that waits for one."""

from typing import Any

from dreamvision.analysts import configured_analyst
from dreamvision.analyzing import analyze_waiting
from dreamvision.tables.database import Database
from dreamvision.tables.dreams import Dreams
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    analyze_waiting(job.user_id, job.dream_id, configured_analyst(), Dreams(Database.shared()))
    return {}
