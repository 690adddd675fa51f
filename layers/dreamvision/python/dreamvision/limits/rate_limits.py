"""Rate limits: per user on routes that cost money or accept uploads, per address on routes without a token.

Refreshing is limited per session: thousands of phones share one address of a mobile carrier (carrier-grade NAT), and
all of them refresh every hour.

A window starts with the first request that it counts and lasts a minute: with a limit of ten, the eleventh request
within a minute is rejected. Across the end of a window up to twice the limit can pass within a minute; in the long run
never more than the limit per minute.
"""

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
# Attempts to use a code, for one e-mail address from all networks together. Those from one network are limited to
# CODES_PER_HOUR, so that nobody can use up the attempts of the address's owner.
ATTEMPTS_PER_HOUR = 30
PASSWORD_CHECKS_PER_HOUR = 10
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


class MissingSealError(DreamVisionError):
    """Only requests of users can be counted without a seal: a bug."""

    default_message = "The limits have no seal."


type Seal = Callable[[str], str]


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
    PASSWORD = "password"  # noqa: S105 - the name of a counter


USER_SCOPES = frozenset({Scope.ANALYZE, Scope.DREAM_VIDEO, Scope.VIDEO, Scope.UPLOAD, Scope.PASSWORD})
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
    """Counts requests by user, session, address and e-mail address. ``clock`` returns Unix seconds.

    ``seal`` is a keyed hash (HMAC). Whatever could be guessed and hashed, such as addresses, is stored sealed only.
    Without it, requests can be counted by user only.
    """

    def __init__(
        self,
        limits: LimitsRepository,
        settings: RateSettings,
        clock: Callable[[], float] = time.time,
        seal: Seal | None = None,
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._clock = clock
        self._seal = seal or _no_seal

    @classmethod
    def shared(cls, seal: Seal | None = None) -> Self:
        """Return an instance configured from the environment. It is cheap to create; only the database is shared."""
        return cls(LimitsRepository(Database.shared()), RateSettings.from_environment(), seal=seal)

    def count_user(self, scope: Scope, user_id: str) -> RateLimitState:
        """Count a request of a user. A rejected request is not counted."""
        return self._count(scope, user_id, self._settings.rate_limit_per_minute)

    def count_address(self, scope: Scope, address: str) -> RateLimitState:
        """Count a request from an IP address, which is stored sealed only."""
        return self._count(scope, address_key(address, self._seal), self._settings.auth_rate_limit_per_minute)

    def count_session(self, scope: Scope, session_id: str) -> RateLimitState:
        """Count a request of a session, whose id is stored sealed only."""
        return self._count(scope, self._seal(f"session {session_id}"), self._settings.refresh_rate_limit_per_minute)

    def count_code(self, scope: Scope, email: str) -> None:
        """Count a code requested for an e-mail address, which is stored sealed only.

        Raises:
            TooManyAttemptsError: ``CODES_PER_HOUR`` is reached.
        """
        self._count_hourly(scope, email_key(email, self._seal), CODES_PER_HOUR)

    def count_attempt(self, scope: Scope, email: str, address: str) -> None:
        """Count an attempt to use a code for an e-mail address from a client's IP address. Both are stored sealed only.

        Raises:
            TooManyAttemptsError: ``CODES_PER_HOUR`` from this network or ``ATTEMPTS_PER_HOUR`` from all is reached.
        """
        self._count_hourly(
            scope, self._seal(f"attempt {_network(address, _IPV6_NETWORK_BITS)} {email}"), CODES_PER_HOUR
        )
        self._count_hourly(scope, email_key(email, self._seal), ATTEMPTS_PER_HOUR)

    def count_password(self, user_id: str) -> None:
        """Count a check of a signed-in user's password, whatever its result.

        Raises:
            TooManyAttemptsError: ``PASSWORD_CHECKS_PER_HOUR`` is reached.
        """
        self._count_hourly(Scope.PASSWORD, user_id, PASSWORD_CHECKS_PER_HOUR)

    def _count_hourly(self, scope: Scope, subject: str, limit: int) -> None:
        state = self._count(scope, subject, limit, window_seconds=_CODE_WINDOW_SECONDS)
        if not state.allowed:
            raise TooManyAttemptsError(state.resets_in_seconds)

    def count_registration(self, address: str) -> None:
        """Count an account that is about to be created from an IP address, which is stored sealed only.

        Never given back: a sign-up that Cognito refuses tells whether an e-mail address has an account.

        Raises:
            TooManyRegistrationsError: the limit of the address or its network is reached; nothing was counted.
            ContentionError: concurrent registrations from the same network outlasted the retries.
        """
        limit, now = self._settings.registrations_per_address, datetime.fromtimestamp(self._clock(), UTC)
        keys = registration_keys(address, limit, self._seal)
        if not self._limits.count_registrations(keys, now):
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


def rate_guards(user_id: str, email: str | None, seal: Seal) -> list[str]:
    """Return the keys of a user's counters, both by id and by e-mail address.

    Attempts are also counted by e-mail address and network together. Those keys cannot be listed; they name nobody, and
    expire within an hour.
    """
    by_user = [rate_guard(scope, user_id) for scope in USER_SCOPES]
    by_email = [rate_guard(scope, email_key(email, seal)) for scope in CODE_SCOPES] if email else []
    return by_user + by_email


def email_key(email: str, seal: Seal) -> str:
    """Return the key by which codes for an e-mail address are counted."""
    return seal(f"email {email}")


def address_key(address: str, seal: Seal) -> str:
    """Return the key of an IPv4 address or of an IPv6 address's /64 network."""
    return seal(f"address {_network(address, _IPV6_NETWORK_BITS)}")


def _no_seal(_: str) -> str:
    raise MissingSealError


def registration_keys(address: str, limit: int, seal: Seal) -> dict[str, int]:
    """Return the keys of the networks that registrations are counted by, and their limits.

    An IPv4 address counts alone. Of an IPv6 address the /56 has the limit, and the /48 four times as much.
    """
    limits = {_network(address, _SITE_BITS): limit * _SUBSCRIBERS_PER_SITE}
    limits |= {_network(address, _SUBSCRIBER_BITS): limit}
    return {seal(f"address {network}"): number for network, number in limits.items()}


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
