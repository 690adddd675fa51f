"""Enforcement of rate limits, and their response headers."""

from dreamvision.limits.rate_limits import WINDOW_SECONDS, RateLimitedError, RateLimitState
from dreamvision_api.api import Api


def enforce_rate_limit(api: Api, state: RateLimitState) -> None:
    """Add the rate limit headers to the response, and reject a request over the limit.

    Raises:
        RateLimitedError: the limit is used up.
    """
    api.add_response_headers(rate_limit_headers(state))
    if not state.allowed:
        raise RateLimitedError(state.resets_in_seconds)


def rate_limit_headers(state: RateLimitState) -> dict[str, str]:
    """Return ``RateLimit`` and ``RateLimit-Policy`` (draft-ietf-httpapi-ratelimit-headers-10).

    ``q`` is the quota of requests per window of ``w`` seconds, ``r`` the remaining requests, ``t`` the seconds until
    the window resets.
    """
    return {
        "RateLimit-Policy": f'"{state.scope}";q={state.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{state.scope}";r={state.remaining};t={state.resets_in_seconds}',
    }
