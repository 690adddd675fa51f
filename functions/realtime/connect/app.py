"""``$connect``: register a connection that the authorizer has allowed."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.limits.handshakes import Handshakes, TooManyHandshakesError
from dreamvision.realtime.connections import ConnectionManager, TooManyConnectionsError
from dreamvision_api.websocket import connection_of, is_event_type
from dreamvision_api.websocket_authentication import handshake_headers

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    if not is_event_type(event, "CONNECT"):
        return {"statusCode": 400}
    connection = connection_of(event)
    try:
        Handshakes.shared().count(connection.access.user_id)
        ConnectionManager.shared().register(connection.access, connection.connection_id)
    except (TooManyConnectionsError, TooManyHandshakesError) as error:
        logger.info("connection rejected", extra={"reason": type(error).__name__})
        return {"statusCode": 429, "body": error.user_message}
    return {"statusCode": 200, "headers": handshake_headers(event)}
