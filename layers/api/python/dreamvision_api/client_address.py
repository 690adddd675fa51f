"""The client's IP address, directly or behind CloudFront. Personal data: never log it."""

import ipaddress

from dreamvision_api.api import Api
from dreamvision_api.edge import EdgeSettings, came_through_cloudfront


def client_address(api: Api) -> str:
    """Return the client's address: the viewer's if CloudFront sent the request, else the one that the gateway saw.

    Raises:
        ConfigurationError: the secret that CloudFront sends is empty or may not be read.
    """
    if not came_through_cloudfront(api.header("x-origin-secret")):
        return api.source_address
    return _viewer_address(api.header(EdgeSettings.from_environment().viewer_address_header)) or api.source_address


def _viewer_address(header: str) -> str | None:
    # IPv6 addresses are not in brackets.
    address = header.rpartition(":")[0].strip("[]")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
