"""Close the video that an execution left open when it failed, timed out or was aborted.

Triggered by EventBridge.
"""

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.failures import close_stopped
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoNotFoundError
from dreamvision.videos.workflow import ExecutionInput

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    detail = event["detail"]
    job = ExecutionInput.model_validate(json.loads(detail["input"]))
    logger.append_keys(job_id=job.job_id, execution_status=detail["status"])
    videos = VideoLifecycle(Database.shared())
    try:
        video = close_stopped(job.user_id, job.job_id, detail["status"], videos, configured_renderer())
    except VideoNotFoundError:
        logger.info("video deleted before its execution ended")
        return {}
    logger.info("execution ended", extra={"video_status": video.status})
    return {"status": video.status}
