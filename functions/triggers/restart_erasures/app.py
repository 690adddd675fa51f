"""Start erasures again whose execution ended without completing them. Runs on a schedule."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.clock import utc_now
from dreamvision.core.error_reports import reports_errors
from dreamvision.erasure.open_erasures import OpenErasures
from dreamvision.erasure.sweeper import restart_unfinished
from dreamvision.erasure.workflow import ErasureWorkflow

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    result = restart_unfinished(OpenErasures.shared(), ErasureWorkflow.shared(), utc_now())
    logger.info("open erasures checked", extra=result._asdict())
    return result._asdict()
