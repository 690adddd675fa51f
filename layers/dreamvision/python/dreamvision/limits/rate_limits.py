"""Rate limits: per user on routes that cost money or accept uploads, per address on routes without a token.

Refreshing is limited per session: thousands of phones share one address of a mobile carrier (carrier-grade NAT), and
all of them refresh every hour.

A window starts with the first request that it counts and lasts a minute: with a limit of ten, the eleventh request
within a minute is rejected. Across the end of a window up to twice the limit can pass within a minute; in the long run
never more than the limit per minute.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import PositiveInt

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database
from dreamvision.limits.quotas import seconds_to_midnight
from dreamvision.limits.repository import LimitsRepository, rate_guard

WINDOW_SECONDS = 60
CODES_PER_HOUR = 5
_CODE_WINDOW_SECONDS = 3600
# A client usually controls a whole IPv6 /64 (RFC 6177), so count by network.
_IPV6_NETWORK_BITS = 64
# Households get a /56, businesses and tunnels a /48 (RFC 6177, RIPE-690); a phone gets a /64 (RFC 7278).
_SUBSCRIBER_BITS = 56
_SITE_BITS = 48
# A /48 may also be 256 households of a small provider.
_SUBSCRIBERS_PER_SITE = 4
# Cognito locks an account for at most 15 minutes and does not return the remaining time.
_LOCKOUT_SECONDS = 900


class RateLimitedError(DreamVisionError):
    """Too many requests within the window. ``retry_after_seconds`` is the time until the window ends."""

    default_message = "Too many requests within a minute."
    user_message = "You are sending requests too quickly. Please wait a moment and try again."

    def __init__(self, retry_after_seconds: int = WINDOW_SECONDS) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttemptsError(DreamVisionError):
    """Too many codes sent, or too many attempts to use one, for one account."""

    default_message = "Too many attempts."
    user_message = "You have made too many attempts. Please try again later."

    def __init__(self, retry_after_seconds: int = _LOCKOUT_SECONDS) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyRegistrationsError(DreamVisionError):
    """The client's address or network has created as many accounts as a day allows."""

    default_message = "Too many accounts were created from this network today."
    user_message = "Too many accounts were created from your network today. Please try again after midnight (UTC)."

    def __init__(self, retry_after_seconds: int = 3600) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class Scope(StrEnum):
    """Requests that are counted together."""

    ANALYZE = "analyze"
    DREAM_VIDEO = "dream-video"
    VIDEO = "video"
    UPLOAD = "upload"
    AUTH = "auth"
    REFRESH = "refresh"
    CONFIRM = "confirm"
    RESEND = "resend"
    FORGOT = "forgot"
    RESET = "reset"


USER_SCOPES = frozenset({Scope.ANALYZE, Scope.DREAM_VIDEO, Scope.VIDEO, Scope.UPLOAD})
"""Scopes counted by user id."""

CODE_SCOPES = frozenset({Scope.CONFIRM, Scope.RESEND, Scope.FORGOT, Scope.RESET})
"""Scopes counted by e-mail address, whether or not the account exists.

Cognito limits these too (5 to 20 per hour, at its discretion), but not necessarily for unknown addresses: a client
could tell by the rejections which accounts exist. This count comes first, and its limit never exceeds Cognito's.
"""


class RateSettings(Config):
    """Requests per minute: per user on each limited route, per address on all public account routes together, and
    refreshes per session. ``registrations_per_address`` is per day (UTC).
    """

    rate_limit_per_minute: PositiveInt = 10
    auth_rate_limit_per_minute: PositiveInt = 20
    refresh_rate_limit_per_minute: PositiveInt = 10
    registrations_per_address: PositiveInt = 20


class RateLimitState(NamedTuple):
    """Whether a request is allowed, the limit, the requests remaining, and the seconds until the window ends."""

    scope: Scope
    allowed: bool
    limit: int
    remaining: int
    resets_in_seconds: int


class RateLimits:
    """Counts requests by user, session, address and e-mail address. ``clock`` returns Unix seconds."""

    def __init__(
        self, limits: LimitsRepository, settings: RateSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._clock = clock

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment. It is cheap to create; only the database is shared."""
        return cls(LimitsRepository(Database.shared()), RateSettings.from_environment())

    def count_user(self, scope: Scope, user_id: str) -> RateLimitState:
        """Count a request of a user. A rejected request is not counted."""
        return self._count(scope, user_id, self._settings.rate_limit_per_minute)

    def count_address(self, scope: Scope, address: str) -> RateLimitState:
        """Count a request from an IP address, which is stored as a digest only."""
        return self._count(scope, address_digest(address), self._settings.auth_rate_limit_per_minute)

    def count_session(self, scope: Scope, session_id: str) -> RateLimitState:
        """Count a request of a session, whose id is stored as a digest only."""
        return self._count(scope, session_digest(session_id), self._settings.refresh_rate_limit_per_minute)

    def count_code(self, scope: Scope, email: str) -> None:
        """Count a code requested or tried for an e-mail address, which is stored as a digest only.

        Raises:
            TooManyAttemptsError: ``CODES_PER_HOUR`` is reached.
        """
        state = self._count(scope, email_digest(email), CODES_PER_HOUR, window_seconds=_CODE_WINDOW_SECONDS)
        if not state.allowed:
            raise TooManyAttemptsError(state.resets_in_seconds)

    def count_registration(self, address: str) -> None:
        """Count an account that is about to be created from an IP address, which is stored as digests only.

        Never given back: a sign-up that Cognito refuses tells whether an e-mail address has an account.

        Raises:
            TooManyRegistrationsError: the limit of the address or its network is reached; nothing was counted.
            ContentionError: concurrent registrations from the same network outlasted the retries.
        """
        limit, now = self._settings.registrations_per_address, datetime.fromtimestamp(self._clock(), UTC)
        digests = registration_digests(address, limit)
        if not self._limits.count_registrations(digests, now):
            count(Metric.QUOTA_REFUSALS, reason="registrations")
            raise TooManyRegistrationsError(seconds_to_midnight(now))

    def _count(self, scope: Scope, subject: str, limit: int, window_seconds: int = WINDOW_SECONDS) -> RateLimitState:
        now_ms = int(self._clock() * 1000)
        state = self._limits.count(rate_guard(scope, subject), limit, window_seconds * 1000, now_ms)
        return RateLimitState(
            scope=scope,
            allowed=state.counted,
            limit=limit,
            remaining=max(0, limit - state.taken),
            resets_in_seconds=max(1, -((now_ms - state.ends_at_ms) // 1000)),
        )


def rate_guards(user_id: str, email: str | None) -> list[str]:
    """Return the keys of a user's counters, both by id and by e-mail address."""
    by_user = [rate_guard(scope, user_id) for scope in USER_SCOPES]
    by_email = [rate_guard(scope, email_digest(email)) for scope in CODE_SCOPES] if email else []
    return by_user + by_email


def email_digest(email: str) -> str:
    """Return the SHA-256 digest by which codes for an e-mail address are counted."""
    return hashlib.sha256(email.encode()).hexdigest()


def session_digest(session_id: str) -> str:
    """Return the SHA-256 digest by which a session's requests are counted. It expires with its window."""
    return hashlib.sha256(f"session {session_id}".encode()).hexdigest()


def address_digest(address: str) -> str:
    """Return the SHA-256 digest of an IPv4 address or of an IPv6 address's /64 network."""
    return _digest_of_network(_network(address, _IPV6_NETWORK_BITS))


def registration_digests(address: str, limit: int) -> dict[str, int]:
    """Return the networks that registrations are counted by, as SHA-256 digests, and their limits.

    An IPv4 address counts alone. Of an IPv6 address the /56 has the limit, and the /48 four times as much.
    """
    limits = {_network(address, _SITE_BITS): limit * _SUBSCRIBERS_PER_SITE}
    limits |= {_network(address, _SUBSCRIBER_BITS): limit}
    return {_digest_of_network(network): number for network, number in limits.items()}


def _digest_of_network(network: str) -> str:
    return hashlib.sha256(f"address {network}".encode()).hexdigest()


def _network(address: str, ipv6_bits: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), ipv6_bits), strict=False))
