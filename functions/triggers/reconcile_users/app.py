"""Erase what belongs to users whom the user pool no longer has. Runs on a schedule, every hour."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.erasure.reconciliation import Reconciliation

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    result = Reconciliation.shared().run(lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("reconciliation finished", extra=result._asdict())
    return result._asdict()
