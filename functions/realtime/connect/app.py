"""``$connect``: notes the connection that the authorizer has let in."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.realtime.connections import ConnectionManager, TooManyConnectionsError
from dreamvision_api.websocket import connected, handshake_headers, is_about

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if not is_about(event, "CONNECT"):
        return {"statusCode": 400}
    connection = connected(event)
    try:
        ConnectionManager.shared().register(connection.access, connection.connection_id)
    except TooManyConnectionsError as error:
        logger.info("refused: too many connections")
        return {"statusCode": 429, "body": error.user_message}
    return {"statusCode": 200, "headers": handshake_headers(event)}
