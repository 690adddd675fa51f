"""The WebSocket API's authorizer: lets a handshake in by its access token, or not.

A token that is not good is answered with Deny. When our own side fails (the keys, the table), the error goes to API
Gateway, which then refuses the handshake with 500: the client's token is not to blame, and an alarm may count it.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.tasks import UnexpectedError
from dreamvision_api.websocket import authenticate_handshake, policy

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        access = authenticate_handshake(event)
    except UnauthenticatedError:
        return policy(event, None)
    except Exception as error:
        log_unexpected(logger, error)
        raise UnexpectedError from None
    return policy(event, access)
