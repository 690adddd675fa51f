"""The other end of a WebSocket connection, as API Gateway's management API lets a function reach it."""

from functools import cache, cached_property
from typing import TYPE_CHECKING, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dreamvision.core.aws import client_config, error_code
from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi.client import ApiGatewayManagementApiClient

# How many connections one function writes to at the same time.
PARALLEL = 16
_CLIENT_CONFIG = client_config(read_timeout=3, connections=PARALLEL)


class ConnectionGoneError(DreamVisionError):
    """Nobody is connected under this id (any more)."""

    default_message = "The connection is gone."


class ConnectionUnavailableError(DreamVisionError):
    """API Gateway did not take the message. It may be tried again; the client may then get it twice."""

    default_message = "The connection could not be reached."
    user_message = "Live updates do not work right now. Please try again in a moment."


class GatewaySettings(Config):
    """``https://{api}.execute-api.{region}.amazonaws.com/{stage}``, or where else connections are managed."""

    connections_endpoint: str


class ConnectionGateway:
    """Open connections by their ids. May be shared by threads."""

    def __init__(self, endpoint: str, client: "ApiGatewayManagementApiClient | None" = None) -> None:
        self._endpoint = endpoint
        self._client = client

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(GatewaySettings.from_environment().connections_endpoint)

    @cached_property
    def client(self) -> "ApiGatewayManagementApiClient":
        return self._client or boto3.client(
            "apigatewaymanagementapi", endpoint_url=self._endpoint, config=_CLIENT_CONFIG
        )

    def send(self, connection_id: str, message: str) -> None:
        """Send one text message.

        Raises:
            ConnectionGoneError, ConnectionUnavailableError
        """
        try:
            self.client.post_to_connection(ConnectionId=connection_id, Data=message.encode())
        except (ClientError, BotoCoreError) as error:
            raise _translated(error) from None

    def close(self, connection_id: str) -> None:
        """Close the connection. Harmless when it is closed.

        Raises:
            ConnectionUnavailableError
        """
        try:
            self.client.delete_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            translated = _translated(error)
            if not isinstance(translated, ConnectionGoneError):
                raise translated from None

    def is_open(self, connection_id: str) -> bool:
        """Whether somebody is connected under this id.

        Raises:
            ConnectionUnavailableError
        """
        try:
            self.client.get_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            translated = _translated(error)
            if isinstance(translated, ConnectionGoneError):
                return False
            raise translated from None
        return True


def _translated(error: ClientError | BotoCoreError) -> DreamVisionError:
    if isinstance(error, ClientError) and (
        error_code(error) == "GoneException" or error.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    ):
        return ConnectionGoneError()
    return ConnectionUnavailableError()
