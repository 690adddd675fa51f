"""Close videos that no execution will close, and record the usage of the service's quota. Runs every few minutes."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.clock import utc_now
from dreamvision.core.error_reports import reports_errors
from dreamvision.database.client import Database
from dreamvision.limits.usage import record_service_usage
from dreamvision.rendering.factory import configured_renderer
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.sweeper import sweep
from dreamvision.videos.workflow import VideoWorkflow

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    now = utc_now()
    record_service_usage(now)
    result = sweep(VideoLifecycle(Database.shared()), VideoWorkflow.shared(), configured_renderer, now)
    logger.info("sweep finished", extra=result._asdict())
    return result._asdict()
