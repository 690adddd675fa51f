"""How many requests a minute: per user on the routes that cost money or take uploads, per address on the ones that
need no token.

A window begins with the first request that it counts and lasts a minute: who sends eleven within a minute is refused
the eleventh. Across the end of a window up to twice the limit can pass within a minute; in the long run never more
than the limit a minute.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import PositiveInt

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.limits.repository import LimitsRepository, rate_guard

WINDOW_SECONDS = 60
CODES_PER_HOUR = 5
_CODE_WINDOW_SECONDS = 3600
# Whoever has one address of IPv6 has all of its network (RFC 6177).
_IPV6_NETWORK_BITS = 64
# Cognito locks an account for 15 minutes at the most, and does not say for how long.
_LOCKOUT_SECONDS = 900


class RateLimitedError(DreamVisionError):
    """Too many requests within the window. ``retry_after_seconds`` is when the next one begins."""

    default_message = "Too many requests within a minute."
    user_message = "You are a little too fast. Please wait a moment and try again."

    def __init__(self, retry_after_seconds: int = WINDOW_SECONDS) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttemptsError(DreamVisionError):
    """Too many codes or tries for one account."""

    default_message = "Too many attempts."
    user_message = "Too many attempts. Please try again later."

    def __init__(self, retry_after_seconds: int = _LOCKOUT_SECONDS) -> None:
        super().__init__()
        self.problem_headers = {"Retry-After": str(retry_after_seconds)}


class Scope(StrEnum):
    """What is counted together."""

    ANALYZE = "analyze"
    DREAM_VIDEO = "dream-video"
    VIDEO = "video"
    UPLOAD = "upload"
    AUTH = "auth"
    CONFIRM = "confirm"
    RESEND = "resend"
    FORGOT = "forgot"
    RESET = "reset"


CODE_SCOPES = frozenset({Scope.CONFIRM, Scope.RESEND, Scope.FORGOT, Scope.RESET})
"""What is counted by e-mail address, whether or not there is such an account.

Cognito counts too (5 to 20 an hour, at its discretion), but not necessarily for addresses that it does not know: a
client could tell them apart by which are refused. This count comes first and is never above Cognito's.
"""


class RateSettings(Config):
    """Requests a minute: of one user on each of the limited routes, of one address on all public account routes."""

    rate_limit_per_minute: PositiveInt = 10
    auth_rate_limit_per_minute: PositiveInt = 20


class RateLimitState(NamedTuple):
    """A request against its window: whether it may pass, how many more may, and in how many seconds it ends."""

    scope: Scope
    allowed: bool
    limit: int
    remaining: int
    resets_in_seconds: int


class RateLimits:
    """The windows of all users and addresses. ``clock`` gives Unix seconds."""

    def __init__(
        self, limits: LimitsRepository, settings: RateSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._clock = clock

    @classmethod
    def shared(cls) -> Self:
        """Set up from the environment; there is nothing in it worth keeping but the database."""
        return cls(LimitsRepository(Database.shared()), RateSettings.from_environment())

    def count_user(self, scope: Scope, user_id: str) -> RateLimitState:
        """One more request of a user. One that may not pass is not counted."""
        return self._count(scope, user_id, self._settings.rate_limit_per_minute)

    def count_address(self, scope: Scope, address: str) -> RateLimitState:
        """One more request from an address of the internet, which is kept as a digest only."""
        return self._count(scope, address_digest(address), self._settings.auth_rate_limit_per_minute)

    def count_code(self, scope: Scope, email: str) -> None:
        """Count one more code that is requested for, or tried on, an e-mail address, which is kept as a digest only.

        Raises:
            TooManyAttemptsError: ``CODES_PER_HOUR`` were counted within the hour.
        """
        state = self._count(scope, email_digest(email), CODES_PER_HOUR, window_seconds=_CODE_WINDOW_SECONDS)
        if not state.allowed:
            raise TooManyAttemptsError(state.resets_in_seconds)

    def _count(self, scope: Scope, who: str, limit: int, window_seconds: int = WINDOW_SECONDS) -> RateLimitState:
        now_ms = int(self._clock() * 1000)
        state = self._limits.count(rate_guard(scope, who), limit, window_seconds * 1000, now_ms)
        return RateLimitState(
            scope=scope,
            allowed=state.counted,
            limit=limit,
            remaining=max(0, limit - state.taken),
            resets_in_seconds=max(1, -((now_ms - state.ends_at_ms) // 1000)),
        )


def rate_guards(user_id: str, email: str | None) -> list[str]:
    """Return the keys of a user's counts: those under their id and those under their e-mail address."""
    by_user = [rate_guard(scope, user_id) for scope in Scope if scope not in {Scope.AUTH, *CODE_SCOPES}]
    by_email = [rate_guard(scope, email_digest(email)) for scope in CODE_SCOPES] if email else []
    return by_user + by_email


def email_digest(email: str) -> str:
    """Return the SHA-256 digest under which codes for an e-mail address are counted."""
    return hashlib.sha256(email.encode()).hexdigest()


def address_digest(address: str) -> str:
    """SHA-256 of the address, or of its network where the address is one of many that one client has."""
    return hashlib.sha256(f"address {_network(address)}".encode()).hexdigest()


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _IPV6_NETWORK_BITS), strict=False))
