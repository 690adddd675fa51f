"""The Lambda authorizer of the WebSocket API: allow or deny a handshake by its access token.

An invalid token is denied. If the service itself fails (JWKS or table), the error goes to API Gateway, which rejects
the handshake with 500: the client's token is not at fault, and an alarm can count the error.
"""

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.error_reports import reports_errors
from dreamvision.core.errors import UnexpectedError
from dreamvision.core.logging import log_unexpected
from dreamvision_api.websocket_authentication import authenticate_handshake, authorizer_policy

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()


@reports_errors
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    try:
        access = authenticate_handshake(event)
    except UnauthenticatedError:
        return authorizer_policy(event, None)
    except Exception as error:
        log_unexpected(logger, error)
        raise UnexpectedError from None
    return authorizer_policy(event, access)
