"""The limit of WebSocket handshakes per user, after their token was checked."""

import time
from collections.abc import Callable
from typing import Self

from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.limits.repository import LimitsRepository, rate_guard

# Twenty clients, which is the limit of connections, that each reconnect three times.
HANDSHAKES_PER_MINUTE = 60
_WINDOW_MS = 60_000


class TooManyHandshakesError(DreamVisionError):
    """The user has opened ``HANDSHAKES_PER_MINUTE`` connections within a minute."""

    default_message = "Too many handshakes within a minute."
    user_message = "You are connecting too often. Please wait a minute."


class Handshakes:
    """Counts handshakes in windows of a minute. ``clock`` returns Unix seconds."""

    def __init__(self, limits: LimitsRepository, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(LimitsRepository(Database.shared()))

    def count(self, user_id: str) -> None:
        """Count a handshake. Costs half a read unit and one write; no write once the limit is reached.

        Raises:
            TooManyHandshakesError: the limit is reached; nothing was counted.
        """
        now_ms = int(self._clock() * 1000)
        if not self._limits.count(handshakes_guard(user_id), HANDSHAKES_PER_MINUTE, _WINDOW_MS, now_ms).counted:
            raise TooManyHandshakesError


def handshakes_guard(user_id: str) -> str:
    """Return the key of a user's count of handshakes."""
    return rate_guard("handshake", user_id)
