"""Requests through a CloudFront distribution in front of the API.

The distribution sends a secret as ``x-origin-secret``. CloudFront replaces a header of that name that a viewer sends.
"""

import json
from collections.abc import Mapping
from secrets import compare_digest
from typing import Any

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.secrets import read_secret
from dreamvision_api.headers import header_of

_ORIGIN_HEADER = "x-origin-secret"
# Running containers accept a replaced value within this time.
_SECRET_SECONDS = 300


class DirectRequestError(DreamVisionError):
    """The request bypassed the distribution, and with it AWS WAF."""

    default_message = "The request did not come through CloudFront."
    user_message = "Use the public address of this service."


class EdgeSettings(Config):
    """The name or ARN of the secret that CloudFront sends with every request; empty without CloudFront.

    ``viewer_address_header`` has the viewer's address as ``<address>:<port>``.
    """

    origin_secret: str = ""
    viewer_address_header: str = "cloudfront-viewer-address"


def require_cloudfront(event: Mapping[str, Any]) -> None:
    """Reject a request that did not come through CloudFront. Without a configured secret, all requests pass.

    Raises:
        DirectRequestError: the secret is missing or wrong.
        ConfigurationError: the secret is empty or may not be read.
    """
    if EdgeSettings.from_environment().origin_secret and not came_through_cloudfront(header_of(event, _ORIGIN_HEADER)):
        raise DirectRequestError


def came_through_cloudfront(sent: str) -> bool:
    """Return whether ``sent``, a request's ``x-origin-secret``, is a value of the configured secret.

    While it is rotated, a secret has several values: separated by blanks, or as members of a JSON object. They are
    compared in constant time.

    Raises:
        ConfigurationError: the secret is empty or may not be read.
    """
    secret_id = EdgeSettings.from_environment().origin_secret
    if not sent or not secret_id:
        return False
    secret = read_secret(secret_id, max_age_seconds=_SECRET_SECONDS)
    values = json.loads(secret).values() if secret.startswith("{") else secret.split()
    return any(compare_digest(sent.encode(), value.encode()) for value in values)
