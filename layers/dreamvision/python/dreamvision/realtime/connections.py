"""Register connections, remove stale ones, and close those of revoked sessions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Self

from aws_lambda_powertools import Logger

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.realtime.gateway import ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError
from dreamvision.realtime.repository import Connection, ConnectionRepository
from dreamvision.schemas.realtime import Reconnect

logger = Logger()

MAX_CONNECTIONS = 20
# The row is written before API Gateway completes the handshake; until then the connection appears to be gone.
_HANDSHAKE = timedelta(seconds=10)


class TooManyConnectionsError(DreamVisionError):
    """The user already has ``MAX_CONNECTIONS`` connections."""

    default_message = "The user has too many connections."
    user_message = "You have too many open connections. Please close the app on another device."


class ConnectionManager:
    """Manages the connections of all users."""

    def __init__(
        self,
        connections: ConnectionRepository,
        sessions: Sessions,
        gateway: ConnectionGateway,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connections = connections
        self._sessions = sessions
        self._gateway = gateway
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(ConnectionRepository.shared(), Sessions(Database.shared()), ConnectionGateway.shared())

    def register(self, caller: AccessClaims, connection_id: str) -> None:
        """Register a connection. It is written before it is counted, so parallel ones never exceed the limit.

        Raises:
            TooManyConnectionsError: the user already has ``MAX_CONNECTIONS``, and all of them are open.
            ConnectionUnavailableError: API Gateway did not say whether the others are open.
        """
        self._connections.add(
            Connection(
                user_id=caller.user_id,
                connection_id=connection_id,
                session_id=caller.session_id,
                issued_at=caller.issued_at,
                exp=caller.expires_at,
                connected_at=self._now(),
            )
        )
        if self._has_room(caller.user_id):
            return
        for connection in self._connections.list_by_user(caller.user_id):
            if connection.connection_id != connection_id and not self._gateway.is_open(connection.connection_id):
                self.mark_stale(connection)
        if not self._has_room(caller.user_id):
            self.remove(caller.user_id, connection_id)
            raise TooManyConnectionsError

    def _has_room(self, user_id: str) -> bool:
        return len(self._connections.list_by_user(user_id)) <= MAX_CONNECTIONS

    def remove(self, user_id: str, connection_id: str) -> None:
        """Remove a closed connection. Idempotent."""
        self._connections.remove(user_id, connection_id)

    def mark_stale(self, connection: Connection) -> None:
        """Remove a stale connection, unless its handshake may still be in progress."""
        if self._now() - connection.connected_at > _HANDSHAKE:
            self.remove(connection.user_id, connection.connection_id)

    def active_connections(self, user_id: str) -> list[Connection]:
        """Return the user's connections whose session is not revoked and whose token has not expired.

        Those with an expired token are closed.
        """
        connections = self._connections.list_by_user(user_id)
        if not connections:
            return []
        revoked = self._sessions.revoked(user_id)
        active = [each for each in connections if not revoked.includes(each.session_id, each.issued_at)]
        for connection in active:
            if self.has_expired(connection.exp):
                self._try_to_end(connection)
        return [connection for connection in active if not self.has_expired(connection.exp)]

    def has_expired(self, expires_at: int | None) -> bool:
        """Return whether an access token has expired, given its expiry."""
        return expires_at is not None and expires_at <= self._now().timestamp()

    def end_expired(self, user_id: str, connection_id: str) -> None:
        """Tell a client to reconnect with a new token, and close its connection.

        Raises:
            ConnectionUnavailableError: the connection could not be reached; repeating is harmless.
        """
        try:
            self._gateway.send(connection_id, Reconnect().text())
            self._gateway.close(connection_id)
        except ConnectionGoneError:
            pass
        self.remove(user_id, connection_id)

    def _try_to_end(self, connection: Connection) -> None:
        try:
            self.end_expired(connection.user_id, connection.connection_id)
        except ConnectionUnavailableError:
            logger.warning("a connection with an expired token could not be closed")

    def close_revoked(self, user_id: str) -> int:
        """Close the user's connections whose session is revoked, and return their number.

        Raises:
            ConnectionUnavailableError: a connection could not be closed; repeating is harmless.
        """
        connections = self._connections.list_by_user(user_id)
        revoked = self._sessions.revoked(user_id) if connections else None
        to_close = [
            connection
            for connection in connections
            if revoked and revoked.includes(connection.session_id, connection.issued_at)
        ]
        for connection in to_close:
            self._gateway.close(connection.connection_id)
            self.remove(user_id, connection.connection_id)
        return len(to_close)
