"""Who is connected: letting connections in, forgetting those that are gone, ending those of a logged-out session."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Self

from dreamvision.clock import utc_now
from dreamvision.errors import DreamVisionError
from dreamvision.identity import AccessClaims
from dreamvision.sessions import Sessions
from dreamvision.sockets import Sockets
from dreamvision.tables.connections import Connection, Connections
from dreamvision.tables.database import Database

MAX_CONNECTIONS = 20
# A connection has its row before API Gateway has finished the handshake; until then nobody seems to be there.
_HANDSHAKE = timedelta(seconds=10)


class TooManyConnectionsError(DreamVisionError):
    """The user has as many connections as one may have."""

    default_message = "The user has too many connections."
    user_message = "You are connected too many times. Please close the app on another device."


class Switchboard:
    """The connections of all users."""

    def __init__(
        self,
        connections: Connections,
        sessions: Sessions,
        sockets: Sockets,
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
        return cls(Connections.shared(), Sessions(Database.shared()), Sockets.shared())

    def admit(self, caller: AccessClaims, connection_id: str) -> None:
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
        for connection in self._connections.of_user(caller.user_id):
            if connection.connection_id != connection_id and not self._sockets.is_open(connection.connection_id):
                self.note_gone(connection)
        if not self._has_room(caller.user_id):
            self.leave(caller.user_id, connection_id)
            raise TooManyConnectionsError

    def _has_room(self, user_id: str) -> bool:
        return len(self._connections.of_user(user_id)) <= MAX_CONNECTIONS

    def leave(self, user_id: str, connection_id: str) -> None:
        """The connection is closed. Harmless when it is not there."""
        self._connections.remove(user_id, connection_id)

    def note_gone(self, connection: Connection) -> None:
        """Nobody was found at the other end: forget the connection, unless it is so young that somebody may come."""
        if self._now() - connection.connected_at > _HANDSHAKE:
            self.leave(connection.user_id, connection.connection_id)

    def listeners(self, user_id: str) -> list[Connection]:
        """The user's connections whose session is still open."""
        connections = self._connections.of_user(user_id)
        if not connections:
            return []
        ended = self._sessions.ended(user_id)
        return [each for each in connections if not ended.includes(each.session_id, each.issued_at)]

    def hang_up(self, user_id: str) -> int:
        """Close the user's connections whose session was logged out. Returns how many.

        Raises:
            SocketUnavailableError: one could not be closed; trying again is harmless.
        """
        connections = self._connections.of_user(user_id)
        ended = self._sessions.ended(user_id) if connections else None
        closed = [each for each in connections if ended and ended.includes(each.session_id, each.issued_at)]
        for connection in closed:
            self._sockets.close(connection.connection_id)
            self.leave(user_id, connection.connection_id)
        return len(closed)
