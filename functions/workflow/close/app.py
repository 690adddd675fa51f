"""The safety net: closes what an execution left open when it failed, timed out or was aborted."""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.failing import close_stopped
from dreamvision.renderers import configured_renderer
from dreamvision.tables.database import Database
from dreamvision.tables.video_rows import VideoNotFoundError
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Job

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    detail = event["detail"]
    job = Job.model_validate(json.loads(detail["input"]))
    logger.append_keys(job_id=job.job_id, execution_status=detail["status"])
    videos = Videos(Database.shared())
    try:
        video = close_stopped(job.user_id, job.job_id, detail["status"], videos, configured_renderer())
    except VideoNotFoundError:
        logger.info("the video was deleted before its execution ended")
        return {}
    logger.info("execution ended", extra={"video_status": video.status})
    return {"status": video.status}
