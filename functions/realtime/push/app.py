"""Push changes to connected clients. Triggered by the streams of the videos table and the dreams table."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.realtime.broadcaster import Broadcaster

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    failed = Broadcaster.shared().broadcast(event["Records"])
    if failed:
        logger.warning("records failed", extra={"failed": len(failed), "records": len(event["Records"])})
    return {"batchItemFailures": [{"itemIdentifier": sequence_number} for sequence_number in sorted(failed)]}
