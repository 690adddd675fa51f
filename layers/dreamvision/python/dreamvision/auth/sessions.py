"""Sessions revoked before their tokens expired. A logout takes effect on the next request.

One item per user holds the individually revoked sessions and the time up to which all of them were revoked, so that a
request costs one small read.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.aws import error_code
from dreamvision.database.client import Database

# A session that is not refreshed ends after seven days (refresh_tokens.py), and its last access token is valid for one
# more hour (template.yaml); a margin for clock skew.
_RETENTION_SECONDS = 7 * 24 * 3600 + 3600 + 300
# About 3 KB, so that a request still costs one read unit.
MAX_REVOKED_SESSIONS = 64
# Tokens carry whole seconds of Cognito's clock. One issued just before a logout must not appear to be newer.
_CLOCK_MARGIN_SECONDS = 2
# Sessions of an erased account cannot be refreshed; its last access token is valid for one hour (template.yaml).
_ERASED_RETENTION_SECONDS = 3600 + 300
_PREFIX = "sessions#"


class RevokedSessions(NamedTuple):
    """The revoked sessions of one user; all of them if the account was erased or is blocked."""

    guard: Mapping[str, Any]

    @property
    def of_erased(self) -> bool:
        """Whether the account was erased. The item expires an hour later."""
        return bool(self.guard.get("erased"))

    def includes(self, session_id: str, issued_at: int) -> bool:
        """Return whether a session is revoked, given its id and when one of its tokens was issued."""
        if (
            self.guard.get("erased")
            or self.guard.get("blocked")
            or session_id in map(_session_of, self.guard.get("sessions", ()))
        ):
            return True
        return issued_at <= int(self.guard.get("all_until", -1)) and session_id not in self.guard.get("begun_after", ())


class Sessions:
    """The revoked sessions of all users, stored in the guards table. Times are in Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def require_active(self, user_id: str, session_id: str, issued_at: int) -> None:
        """Require that the session is not revoked. Costs one read unit: consistent, so a logout takes effect at once.

        Raises:
            UnauthenticatedError: the session was revoked or the account erased.
        """
        if self.revoked(user_id).includes(session_id, issued_at):
            raise UnauthenticatedError

    def revoked(self, user_id: str) -> RevokedSessions:
        """Return the user's revoked sessions. Costs one read unit: consistent, so a logout takes effect at once."""
        return RevokedSessions(self._get(user_id))

    def start(self, user_id: str, session_id: str, signed_in_at: int) -> None:
        """Keep a new session active even if a logout from all sessions happened at the same time."""
        if signed_in_at <= int(self._get(user_id).get("all_until", -1)):
            self._update(user_id, "ADD begun_after :session SET expires_at = :expires_at", {":session": {session_id}})

    def revoke(self, user_id: str, session_id: str) -> None:
        """Revoke one session. If the user has revoked too many to store, revoke all of them."""
        now = int(self._clock())
        try:
            guard = self._update(
                user_id,
                "ADD sessions :session SET expires_at = :expires_at",
                {":session": {f"{now} {session_id}"}},
            )
        except ClientError as error:
            if error_code(error) != "ValidationException":
                raise
            self.revoke_all(user_id)  # the item has DynamoDB's maximum of 400 KB
            return
        expired = {entry for entry in guard["sessions"] if _revoked_at(entry) + _RETENTION_SECONDS < now}
        if len(guard["sessions"]) - len(expired) > MAX_REVOKED_SESSIONS:
            self.revoke_all(user_id)
        elif expired:
            self._update(user_id, "DELETE sessions :lapsed SET expires_at = :expires_at", {":lapsed": expired})

    def revoke_all(self, user_id: str) -> None:
        """Revoke every session started so far."""
        until = int(self._clock()) + _CLOCK_MARGIN_SECONDS
        expression = "SET all_until = :until, expires_at = :expires_at REMOVE begun_after, sessions"
        self._update(user_id, expression, {":until": until})

    def block(self, user_id: str) -> None:
        """Revoke every session, including those that a concurrent sign-in starts, until ``unblock``.

        The item expires when no token issued so far is valid any more; Cognito must issue no others.
        """
        until = int(self._clock()) + _CLOCK_MARGIN_SECONDS
        expression = "SET blocked = :yes, all_until = :until, expires_at = :expires_at REMOVE begun_after, sessions"
        self._update(user_id, expression, {":yes": True, ":until": until})

    def unblock(self, user_id: str) -> None:
        """Accept new sessions again. Those started before stay revoked. Does nothing if the user is not blocked."""
        if self._get(user_id).get("blocked"):
            until = int(self._clock()) + _CLOCK_MARGIN_SECONDS
            expression = "SET all_until = :until, expires_at = :expires_at REMOVE blocked, begun_after"
            self._update(user_id, expression, {":until": until})

    def revoke_permanently(self, user_id: str) -> None:
        """Revoke every session of an erased account. The item expires with the last access token."""
        until = int(self._clock()) + _ERASED_RETENTION_SECONDS
        self._database.client.put_item(
            TableName=self._database.names.guards_table,
            Item={**_key(user_id), "erased": True, "all_until": until, "expires_at": until},
        )

    def _get(self, user_id: str) -> dict[str, Any]:
        response = self._database.client.get_item(
            TableName=self._database.names.guards_table, Key=_key(user_id), ConsistentRead=True
        )
        return response.get("Item") or {}

    def _update(self, user_id: str, expression: str, values: dict[str, Any]) -> dict[str, Any]:
        response = self._database.client.update_item(
            TableName=self._database.names.guards_table,
            Key=_key(user_id),
            UpdateExpression=expression,
            ExpressionAttributeValues={**values, ":expires_at": int(self._clock()) + _RETENTION_SECONDS},
            ReturnValues="ALL_NEW",
        )
        return response["Attributes"]


def user_of_guard(guard: str) -> str | None:
    """Return the user id in the key of a sessions item; ``None`` for a key of another kind."""
    return guard.removeprefix(_PREFIX) if guard.startswith(_PREFIX) else None


def _key(user_id: str) -> dict[str, str]:
    return {"guard": f"{_PREFIX}{user_id}"}


def _session_of(entry: str) -> str:
    return entry.partition(" ")[2]


def _revoked_at(entry: str) -> int:
    return int(entry.partition(" ")[0])
