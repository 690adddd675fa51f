"""Our refresh tokens: Cognito's, which are opaque, with what we must know about the session, under a seal.

    <user>.<session>.<signed in at>.<refreshed at>.<seal>.<Cognito's token>

A session ends after ``IDLE_SECONDS`` without a refresh. Cognito's tokens live longer (``SessionDays`` in
template.yaml): a rotated one has only what was left of the first one's life, so its lifetime alone would end the
session of somebody who opens the app every day.
"""

import secrets
from collections.abc import Callable
from typing import NamedTuple

from dreamvision.auth.cognito import Tokens
from dreamvision.auth.errors import InvalidRefreshTokenError

IDLE_SECONDS = 604_800

type Seal = Callable[[str], str]


class RefreshToken(NamedTuple):
    """A session and Cognito's refresh token for it. Times are in Unix seconds."""

    user_id: str
    session_id: str
    signed_in_at: int
    refreshed_at: int
    token: str

    @classmethod
    def of(cls, tokens: Tokens, refreshed_at: int) -> "RefreshToken":
        """Return the refresh token of a session that begins."""
        return cls(tokens.user_id, tokens.session_id, tokens.signed_in_at, refreshed_at, tokens.refresh_token)

    def is_idle(self, now: float) -> bool:
        """Return whether the session ended because it was not refreshed in time."""
        return now >= self.refreshed_at + IDLE_SECONDS

    def sealed(self, seal: Seal) -> str:
        """Return the text for the client."""
        session = [self.user_id, self.session_id, str(self.signed_in_at), str(self.refreshed_at)]
        return ".".join([*session, seal(".".join([*session, self.token])), self.token])


def opened(text: str, seal: Seal) -> RefreshToken:
    """Return the refresh token in a text from a client.

    Raises:
        InvalidRefreshTokenError: the token is not ours.
    """
    parts = text.split(".", 3)
    if len(parts) == 4 and not parts[3].partition(".")[0].isdecimal():
        # From before an update: without the time of the last refresh.
        session, rest = [*parts[:3]], parts[3]
    else:
        *session, rest = text.split(".", 4)
    given, _, token = rest.partition(".")
    if len(session) < 3 or not secrets.compare_digest(given.encode(), seal(".".join([*session, token])).encode()):
        raise InvalidRefreshTokenError
    return RefreshToken(session[0], session[1], int(session[2]), int(session[-1]), token)
