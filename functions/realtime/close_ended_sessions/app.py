"""Close the connections of signed-out sessions. Triggered by the stream of the guards table."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.realtime.connections import ConnectionManager
from dreamvision.realtime.stream import users_of_sessions

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    for user_id in users_of_sessions(event["Records"]):
        closed = ConnectionManager.shared().close_revoked(user_id)
        if closed:
            logger.info("connections of ended sessions closed", extra={"closed": closed})
    return {"batchItemFailures": []}
