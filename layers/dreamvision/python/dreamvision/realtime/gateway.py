"""Send to, check and close WebSocket connections through API Gateway's management API."""

from functools import cache, cached_property
from typing import TYPE_CHECKING, Self

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dreamvision.core.aws import client_config, error_code
from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi.client import ApiGatewayManagementApiClient

# The number of connections that one function sends to concurrently.
PARALLEL = 16
_CLIENT_CONFIG = client_config(read_timeout=3, connections=PARALLEL)


class ConnectionGoneError(DreamVisionError):
    """There is no open connection with this id."""

    default_message = "The connection is gone."


class ConnectionUnavailableError(DreamVisionError):
    """API Gateway did not accept the request. May be retried; a client may then receive a message twice."""

    default_message = "The connection could not be reached."
    user_message = "Live updates are not available right now. Please try again in a moment."


class GatewaySettings(Config):
    """``https://{api}.execute-api.{region}.amazonaws.com/{stage}``, or another endpoint of the management API."""

    connections_endpoint: str


class ConnectionGateway:
    """Accesses open connections by id. Thread-safe once ``client`` is created."""

    def __init__(self, endpoint: str, client: "ApiGatewayManagementApiClient | None" = None) -> None:
        self._endpoint = endpoint
        self._client = client

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(GatewaySettings.from_environment().connections_endpoint)

    @cached_property
    def client(self) -> "ApiGatewayManagementApiClient":
        """The boto3 client, created on first use."""
        return self._client or boto3.client(
            "apigatewaymanagementapi", endpoint_url=self._endpoint, config=_CLIENT_CONFIG
        )

    def send(self, connection_id: str, message: str) -> None:
        """Send one text message.

        Raises:
            ConnectionGoneError: the connection is closed.
            ConnectionUnavailableError: API Gateway did not accept the message.
        """
        try:
            self.client.post_to_connection(ConnectionId=connection_id, Data=message.encode())
        except (ClientError, BotoCoreError) as error:
            raise _to_connection_error(error) from None

    def close(self, connection_id: str) -> None:
        """Close the connection. Idempotent.

        Raises:
            ConnectionUnavailableError: API Gateway did not accept the request.
        """
        try:
            self.client.delete_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            connection_error = _to_connection_error(error)
            if not isinstance(connection_error, ConnectionGoneError):
                raise connection_error from None

    def is_open(self, connection_id: str) -> bool:
        """Return whether the connection is open.

        Raises:
            ConnectionUnavailableError: API Gateway did not accept the request.
        """
        try:
            self.client.get_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            connection_error = _to_connection_error(error)
            if isinstance(connection_error, ConnectionGoneError):
                return False
            raise connection_error from None
        return True


def _to_connection_error(error: ClientError | BotoCoreError) -> DreamVisionError:
    if isinstance(error, ClientError) and (
        error_code(error) == "GoneException" or error.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    ):
        return ConnectionGoneError()
    return ConnectionUnavailableError()
