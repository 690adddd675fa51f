"""Who is connected: letting connections in, forgetting those that are gone, ending those of a logged-out session."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Self

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.realtime.gateway import ConnectionGateway
from dreamvision.realtime.repository import Connection, ConnectionRepository

MAX_CONNECTIONS = 20
# A connection has its row before API Gateway has finished the handshake; until then nobody seems to be there.
_HANDSHAKE = timedelta(seconds=10)


class TooManyConnectionsError(DreamVisionError):
    """The user has as many connections as one may have."""

    default_message = "The user has too many connections."
    user_message = "You are connected too many times. Please close the app on another device."


class ConnectionManager:
    """The connections of all users."""

    def __init__(
        self,
        connections: ConnectionRepository,
        sessions: Sessions,
        sockets: ConnectionGateway,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._connections = connections
        self._sessions = sessions
        self._sockets = sockets
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(ConnectionRepository.shared(), Sessions(Database.shared()), ConnectionGateway.shared())

    def register(self, caller: AccessClaims, connection_id: str) -> None:
        """Let a connection in. It counts from the moment it is written, so that parallel ones never exceed the limit.

        Raises:
            TooManyConnectionsError: the user has ``MAX_CONNECTIONS`` already, and all of them are alive.
        """
        self._connections.add(
            Connection(
                user_id=caller.user_id,
                connection_id=connection_id,
                session_id=caller.session_id,
                issued_at=caller.issued_at,
                connected_at=self._now(),
            )
        )
        if self._has_room(caller.user_id):
            return
        for connection in self._connections.list_by_user(caller.user_id):
            if connection.connection_id != connection_id and not self._sockets.is_open(connection.connection_id):
                self.mark_stale(connection)
        if not self._has_room(caller.user_id):
            self.remove(caller.user_id, connection_id)
            raise TooManyConnectionsError

    def _has_room(self, user_id: str) -> bool:
        return len(self._connections.list_by_user(user_id)) <= MAX_CONNECTIONS

    def remove(self, user_id: str, connection_id: str) -> None:
        """The connection is closed. Harmless when it is not there."""
        self._connections.remove(user_id, connection_id)

    def mark_stale(self, connection: Connection) -> None:
        """Nobody was found at the other end: forget the connection, unless it is so young that somebody may come."""
        if self._now() - connection.connected_at > _HANDSHAKE:
            self.remove(connection.user_id, connection.connection_id)

    def active_connections(self, user_id: str) -> list[Connection]:
        """The user's connections whose session is still open."""
        connections = self._connections.list_by_user(user_id)
        if not connections:
            return []
        ended = self._sessions.revoked(user_id)
        return [each for each in connections if not ended.includes(each.session_id, each.issued_at)]

    def close_revoked(self, user_id: str) -> int:
        """Close the user's connections whose session was logged out. Returns how many.

        Raises:
            ConnectionUnavailableError: one could not be closed; trying again is harmless.
        """
        connections = self._connections.list_by_user(user_id)
        ended = self._sessions.revoked(user_id) if connections else None
        closed = [each for each in connections if ended and ended.includes(each.session_id, each.issued_at)]
        for connection in closed:
            self._sockets.close(connection.connection_id)
            self.remove(user_id, connection.connection_id)
        return len(closed)
