"""What a connected client says, and what it is answered. The answers go to the connection, not to the caller."""

import json
from functools import cache
from typing import Any, Self

from aws_lambda_powertools import Logger

from dreamvision.connecting import Switchboard
from dreamvision.identity import AccessClaims, UnauthenticatedError
from dreamvision.models.realtime import Message, MessageProblem, Pong, Synced, parse_moment
from dreamvision.safe_logging import log_unforeseen
from dreamvision.sessions import Sessions
from dreamvision.sockets import SocketGoneError, Sockets, SocketUnavailableError
from dreamvision.syncing import FutureMomentError, Sync
from dreamvision.tables.database import Database

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


class Conversation:
    """Answers messages."""

    def __init__(self, sockets: Sockets, switchboard: Switchboard, sessions: Sessions, sync: Sync) -> None:
        self._sockets = sockets
        self._switchboard = switchboard
        self._sessions = sessions
        self._sync = sync

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(Sockets.shared(), Switchboard.shared(), Sessions(Database.shared()), Sync.shared())

    def hear(self, connection_id: str, client: AccessClaims, text: str) -> None:
        """Answer one message. A client whose session was logged out is answered by the end of the connection.

        Raises:
            SocketUnavailableError: the answer could not be sent.
        """
        try:
            self._answer(connection_id, client, text)
        except SocketGoneError:
            self._switchboard.leave(client.user_id, connection_id)
        except UnauthenticatedError:
            self._sockets.close(connection_id)
            self._switchboard.leave(client.user_id, connection_id)
        except SocketUnavailableError:
            raise
        except Exception as error:
            log_unforeseen(logger, error)
            self._say(connection_id, _UNAVAILABLE)

    def _answer(self, connection_id: str, client: AccessClaims, text: str) -> None:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_MESSAGE_BYTES:
            self._say(connection_id, _TOO_LARGE)
            return
        match _parsed(text):
            case {"action": "ping"}:
                self._say(connection_id, Pong())
            case {"action": "sync", **fields}:
                self._synchronise(connection_id, client, fields.get("since"))
            case {}:
                self._say(connection_id, _UNKNOWN)
            case _:
                self._say(connection_id, _MALFORMED)

    def _synchronise(self, connection_id: str, client: AccessClaims, since: object) -> None:
        self._sessions.require_open(*client)
        try:
            missed = self._sync.since(client.user_id, parse_moment(since))
        except (ValueError, FutureMomentError):
            self._say(connection_id, _INVALID_SINCE)
            return
        for event in missed.events:
            self._say(connection_id, event)
        end = Synced(count=len(missed.events), truncated=missed.truncated, next_since=missed.next_since)
        self._say(connection_id, end)

    def _say(self, connection_id: str, message: Message) -> None:
        self._sockets.send(connection_id, message.text())


def _parsed(text: str) -> Any:  # noqa: ANN401 - whatever JSON may hold
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
