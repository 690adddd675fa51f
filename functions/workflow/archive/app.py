"""State ``ArchiveVideo``: keeps the rendered video in our own bucket and completes it. The only one that has PyAV."""

from typing import Any

from dreamvision.archiving import Archive
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job, task


@task
def handler(job: Job) -> dict[str, Any]:
    archived = Archive.shared().keep(job.user_id, job.job_id, configured_renderer(), Videos(Database.shared()))
    if archived is None:
        return {}
    return {"bytes": archived.size_bytes, "width": archived.width, "height": archived.height}
