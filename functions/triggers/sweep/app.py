"""Every few minutes: closes videos that no execution will close."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.sweeper import sweep
from dreamvision.videos.workflow import VideoWorkflow

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    workflow = VideoWorkflow.shared()
    swept = sweep(VideoLifecycle(Database.shared()), workflow, configured_renderer, utc_now())
    logger.info("swept", extra=swept._asdict())
    return swept._asdict()
