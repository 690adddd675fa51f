"""Every few minutes: closes videos that no execution will close."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.clock import utc_now
from dreamvision.config import Config
from dreamvision.renderers import configured_renderer
from dreamvision.sweeping import sweep
from dreamvision.tables.database import Database
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Workflow

logger = Logger()


class Settings(Config):
    """The state machine whose executions are looked for."""

    state_machine_arn: str


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    workflow = Workflow(Settings.from_environment().state_machine_arn)
    swept = sweep(Videos(Database.shared()), workflow, configured_renderer, utc_now())
    logger.info("swept", extra=swept._asdict())
    return swept._asdict()
