"""``$disconnect``: remove the connection."""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.core.error_reports import reports_errors
from dreamvision.realtime.repository import ConnectionRepository
from dreamvision_api.websocket import connection_of, is_event_type

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    if not is_event_type(event, "DISCONNECT"):
        return {"statusCode": 400}
    connection = connection_of(event)
    ConnectionRepository.shared().remove(connection.access.user_id, connection.connection_id)
    return {"statusCode": 200}
