"""Headers of every response that an API function returns. API Gateway's own responses (``{"message": ...}``) lack them.

Answers contain dreams, signed links and tokens, which no cache may keep, not even a phone's or a browser's on disk.
``ETag`` works without a cache: a client keeps the tag of the answer that it shows.
"""

from collections.abc import Mapping

DEFAULT_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # A year, as on the page and the images. Browsers ignore it over plain HTTP (RFC 6797, section 8.1).
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


def with_defaults(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a response, completed by the defaults. Its own ``Cache-Control`` stays."""
    own = {name.lower() for name in headers}
    return {**{name: value for name, value in DEFAULT_HEADERS.items() if name.lower() not in own}, **headers}
