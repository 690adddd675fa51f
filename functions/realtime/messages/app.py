"""``ping``, ``sync`` and ``$default``: what a connected client says."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.realtime.messages import MessageHandler
from dreamvision_api.websocket import connected, text_of

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    connection = connected(event)
    MessageHandler.shared().handle(connection.connection_id, connection.access, text_of(event))
    return {"statusCode": 200}
