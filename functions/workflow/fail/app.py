"""State ``RecordFailure``: closes the video, and an analysis that still waits, as failed."""

from typing import Any

# Loaded for the words that their errors have for the user.
from dreamvision import analysis, download, rendering, unplayable  # noqa: F401
from dreamvision.failing import record_failure
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    video = record_failure(job.user_id, job.job_id, job.error, Videos(Database.shared()))
    return {"status": video.status, "error": video.error_code}
