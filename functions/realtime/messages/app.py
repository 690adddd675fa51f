"""``ping``, ``sync`` and ``$default``: handle the messages of connected clients."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.realtime.messages import MessageHandler
from dreamvision_api.websocket import connection_of, message_bytes

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    connection = connection_of(event)
    MessageHandler.shared().handle(connection.connection_id, connection.access, message_bytes(event))
    return {"statusCode": 200}
