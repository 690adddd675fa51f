"""Sign-in sessions that were ended before their tokens expired. Logging out works on the very next request.

One item per user holds everything, so that a request pays one small read: the sessions that were logged out one by
one, and the moment up to which all of them were.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.database.client import Database

# A session is refreshed for seven days after its sign-in, and the last access token of it lives an hour more
# (template.yaml); after that, and a margin for clocks, Cognito itself refuses it.
_RETENTION_SECONDS = 7 * 24 * 3600 + 3600 + 300
# Tokens carry whole seconds, by Cognito's clock. One that was issued just before a logout must not look younger.
_CLOCK_MARGIN_SECONDS = 2
# Of an account that is erased nothing is refreshed any more: its last access token lives an hour (template.yaml).
_ERASED_RETENTION_SECONDS = 3600 + 300
_PREFIX = "sessions#"


class RevokedSessions(NamedTuple):
    """Which sessions of one user were logged out, or that the account is gone."""

    guard: Mapping[str, Any]

    def includes(self, session_id: str, issued_at: int) -> bool:
        """Whether a session was ended, one of whose tokens was issued at this moment."""
        if self.guard.get("erased") or session_id in map(_session_of, self.guard.get("sessions", ())):
            return True
        return issued_at <= int(self.guard.get("all_until", -1)) and session_id not in self.guard.get("begun_after", ())


class Sessions:
    """The ended sessions of all users, kept in the guards table. Times are Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def require_active(self, user_id: str, session_id: str, issued_at: int) -> None:
        """Costs one read unit: consistent, so that a logout counts at once.

        Raises:
            UnauthenticatedError: the session was logged out, or its account is gone.
        """
        if self.revoked(user_id).includes(session_id, issued_at):
            raise UnauthenticatedError

    def revoked(self, user_id: str) -> RevokedSessions:
        """For one read unit: consistent, so that a logout counts at once."""
        return RevokedSessions(self._guard(user_id))

    def start(self, user_id: str, session_id: str, signed_in_at: int) -> None:
        """A session that was begun just now: it stays open though a logout everywhere fell into the same moment."""
        if signed_in_at <= int(self._guard(user_id).get("all_until", -1)):
            self._remember(user_id, "ADD begun_after :session SET expires_at = :expires_at", {":session": {session_id}})

    def revoke(self, user_id: str, session_id: str) -> None:
        """Log out one session."""
        now = int(self._clock())
        ending = {":session": {f"{now} {session_id}"}}
        guard = self._remember(user_id, "ADD sessions :session SET expires_at = :expires_at", ending)
        lapsed = {entry for entry in guard["sessions"] if _ended_at(entry) + _RETENTION_SECONDS < now}
        if lapsed:
            self._remember(user_id, "DELETE sessions :lapsed SET expires_at = :expires_at", {":lapsed": lapsed})

    def revoke_all(self, user_id: str) -> None:
        """Log out every session that was begun up to now."""
        until = int(self._clock()) + _CLOCK_MARGIN_SECONDS
        expression = "SET all_until = :until, expires_at = :expires_at REMOVE begun_after, sessions"
        self._remember(user_id, expression, {":until": until})

    def revoke_permanently(self, user_id: str) -> None:
        """Log out every session of an account that is erased. What remembers that lapses with the last token."""
        until = int(self._clock()) + _ERASED_RETENTION_SECONDS
        self._database.client.put_item(
            TableName=self._database.names.guards_table,
            Item={**_key(user_id), "erased": True, "all_until": until, "expires_at": until},
        )

    def _guard(self, user_id: str) -> dict[str, Any]:
        found = self._database.client.get_item(
            TableName=self._database.names.guards_table, Key=_key(user_id), ConsistentRead=True
        )
        return found.get("Item") or {}

    def _remember(self, user_id: str, expression: str, values: dict[str, Any]) -> dict[str, Any]:
        answer = self._database.client.update_item(
            TableName=self._database.names.guards_table,
            Key=_key(user_id),
            UpdateExpression=expression,
            ExpressionAttributeValues={**values, ":expires_at": int(self._clock()) + _RETENTION_SECONDS},
            ReturnValues="ALL_NEW",
        )
        return answer["Attributes"]


def user_of_guard(guard: str) -> str | None:
    """Whose sessions an item of the guards table holds; ``None`` for an item of another kind."""
    return guard.removeprefix(_PREFIX) if guard.startswith(_PREFIX) else None


def _key(user_id: str) -> dict[str, str]:
    return {"guard": f"{_PREFIX}{user_id}"}


def _session_of(entry: str) -> str:
    return entry.partition(" ")[2]


def _ended_at(entry: str) -> int:
    return int(entry.partition(" ")[0])
