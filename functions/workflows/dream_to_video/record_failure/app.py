"""State ``RecordFailure``: mark the video, and an analysis that is still pending, as failed."""

from typing import Any

from dreamvision.database.client import Database
from dreamvision.videos.failures import record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.workflow import ExecutionInput, video_task


@video_task
def handler(job: ExecutionInput) -> dict[str, Any]:
    video = record_failure(job.user_id, job.job_id, job.error, VideoLifecycle(Database.shared()))
    return {"status": video.status, "error": video.error_code}
