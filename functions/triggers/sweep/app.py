"""Close videos that no execution will close. Runs on a schedule, every few minutes."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.database.client import Database
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.sweeper import sweep
from dreamvision.videos.workflow import VideoWorkflow

logger = Logger()


class Settings(Config):
    """The state machine whose executions create the videos."""

    state_machine_arn: str


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    workflow = VideoWorkflow(Settings.from_environment().state_machine_arn)
    result = sweep(VideoLifecycle(Database.shared()), workflow, configured_renderer, utc_now())
    logger.info("sweep finished", extra=result._asdict())
    return result._asdict()
