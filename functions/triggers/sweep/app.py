"""Close videos that no execution will close. Runs on a schedule, every few minutes."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.sweeper import sweep
from dreamvision.videos.workflow import VideoWorkflow

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    workflow = VideoWorkflow.shared()
    result = sweep(VideoLifecycle(Database.shared()), workflow, configured_renderer, utc_now())
    logger.info("sweep finished", extra=result._asdict())
    return result._asdict()
