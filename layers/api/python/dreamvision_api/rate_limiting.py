"""What the routes that cost money share: the rate limit's headers, and ``Idempotency-Key``."""

from dreamvision.limits.rate_limits import WINDOW_SECONDS, RateLimitedError, RateLimitState
from dreamvision_api.api import Api


def enforce_rate_limit(api: Api, window: RateLimitState) -> None:
    """Tell the client where it stands, and refuse a request that is one too many.

    Raises:
        RateLimitedError
    """
    api.add_response_headers(rate_limit_headers(window))
    if not window.allowed:
        raise RateLimitedError(window.resets_in_seconds)


def rate_limit_headers(window: RateLimitState) -> dict[str, str]:
    """``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10): q requests within w seconds,
    r of them left, t seconds until there are more."""
    return {
        "RateLimit-Policy": f'"{window.scope}";q={window.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{window.scope}";r={window.remaining};t={window.resets_in_seconds}',
    }
