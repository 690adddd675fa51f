"""The client's IP address, directly or behind CloudFront. Personal data: never log it."""

import ipaddress
from secrets import compare_digest

from dreamvision.core.config import Config
from dreamvision.core.secrets import read_secret
from dreamvision_api.api import Api

# CloudFront replaces a header of this name that a viewer sends by the origin's custom header.
_ORIGIN_HEADER = "x-origin-secret"
# "<address>:<port>", added by CloudFront; IPv6 addresses are not in brackets.
_ADDRESS_HEADER = "cloudfront-viewer-address"
# Running containers accept a replaced value within this time.
_SECRET_SECONDS = 300


class EdgeSettings(Config):
    """The name of the secret that CloudFront sends with every request; empty without CloudFront."""

    origin_secret: str = ""


def client_address(api: Api) -> str:
    """Return the client's address: the viewer's if CloudFront sent the request, else the one that the gateway saw.

    A request came from CloudFront if it carries the secret, which is compared in constant time. The secret may hold
    several values, separated by blanks, so that it can be rotated.

    Raises:
        ConfigurationError: the secret is empty or may not be read.
    """
    sent, secret_id = api.header(_ORIGIN_HEADER), EdgeSettings.from_environment().origin_secret
    if not sent or not secret_id or not _is_expected(sent, read_secret(secret_id, max_age_seconds=_SECRET_SECONDS)):
        return api.source_address
    return _viewer_address(api.header(_ADDRESS_HEADER)) or api.source_address


def _is_expected(sent: str, secret: str) -> bool:
    return any(compare_digest(sent.encode(), value.encode()) for value in secret.split())


def _viewer_address(header: str) -> str | None:
    address = header.rpartition(":")[0].strip("[]")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
