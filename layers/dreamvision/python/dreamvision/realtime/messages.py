"""Handle client messages (ping, sync). Replies are sent to the connection, not returned to the caller."""

import json
from functools import cache
from typing import Any, Self

from aws_lambda_powertools import Logger

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims, UnauthenticatedError
from dreamvision.core.logging import log_unexpected
from dreamvision.database.client import Database
from dreamvision.realtime.connections import ConnectionManager
from dreamvision.realtime.gateway import ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError
from dreamvision.realtime.sync import FutureMomentError, SyncService
from dreamvision.schemas.realtime import Message, MessageProblem, Pong, Synced, parse_timestamp

# The longest sensible message is about 80 characters.
MAX_MESSAGE_BYTES = 4096

_MALFORMED = MessageProblem(code="malformed", message="Send a JSON object.")
_UNKNOWN = MessageProblem(code="unknown_action", message="The actions are ping and sync.")
_TOO_LARGE = MessageProblem(code="too_large", message=f"Send {MAX_MESSAGE_BYTES} bytes at the most.")
_INVALID_SINCE = MessageProblem(
    code="invalid_since", message="since must be a time like 2026-11-23T03:04:05.678Z that the server has given."
)
_UNAVAILABLE = MessageProblem(code="unavailable", message="Something went wrong on our side. Please try again.")

logger = Logger()


class MessageHandler:
    """Handles client messages and replies to them."""

    def __init__(
        self, gateway: ConnectionGateway, connections: ConnectionManager, sessions: Sessions, sync: SyncService
    ) -> None:
        self._gateway = gateway
        self._connections = connections
        self._sessions = sessions
        self._sync = sync

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(
            ConnectionGateway.shared(), ConnectionManager.shared(), Sessions(Database.shared()), SyncService.shared()
        )

    def handle(self, connection_id: str, client: AccessClaims, message: bytes) -> None:
        """Reply to one message. If the client's session is revoked or its token expired, close the connection instead.

        Raises:
            ConnectionUnavailableError: the reply could not be sent, or the connection could not be closed.
        """
        try:
            self._reply(connection_id, client, message)
        except ConnectionGoneError:
            self._connections.remove(client.user_id, connection_id)
        except UnauthenticatedError:
            self._gateway.close(connection_id)
            self._connections.remove(client.user_id, connection_id)
        except ConnectionUnavailableError:
            raise
        except Exception as error:
            log_unexpected(logger, error)
            self._send(connection_id, _UNAVAILABLE)

    def _reply(self, connection_id: str, client: AccessClaims, message: bytes) -> None:
        if self._connections.has_expired(client.expires_at):
            self._connections.end_expired(client.user_id, connection_id)
            return
        if len(message) > MAX_MESSAGE_BYTES:
            self._send(connection_id, _TOO_LARGE)
            return
        match _parse(message):
            case {"action": "ping"}:
                self._send(connection_id, Pong())
            case {"action": "sync", **fields}:
                self._synchronize(connection_id, client, fields.get("since"))
            case {}:
                self._send(connection_id, _UNKNOWN)
            case _:
                self._send(connection_id, _MALFORMED)

    def _synchronize(self, connection_id: str, client: AccessClaims, since: object) -> None:
        self._sessions.require_active(client.user_id, client.session_id, client.issued_at)
        try:
            missed = self._sync.since(client.user_id, parse_timestamp(since))
        except (ValueError, FutureMomentError):
            self._send(connection_id, _INVALID_SINCE)
            return
        for event in missed.events:
            self._send(connection_id, event)
        synced = Synced(count=len(missed.events), truncated=missed.truncated, next_since=missed.next_since)
        self._send(connection_id, synced)

    def _send(self, connection_id: str, message: Message) -> None:
        self._gateway.send(connection_id, message.text())


def _parse(message: bytes) -> Any:  # noqa: ANN401 - whatever JSON may hold
    try:
        return json.loads(message.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
