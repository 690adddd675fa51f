"""Entity tags and conditional requests (RFC 9110, section 13)."""

import base64
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from dreamvision_api.headers import header_of

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(version: str) -> str:
    """Return a strong entity tag for a version, without revealing the version: 128 bits of its SHA-256."""
    digest = hashlib.sha256(version.encode()).digest()[:16]
    return f'"{base64.urlsafe_b64encode(digest).decode().rstrip("=")}"'


def is_known(if_none_match: str, tag: str) -> bool:
    """Return whether ``If-None-Match`` lists the tag, by weak comparison, as RFC 9110 requires for this header."""
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def not_modified(event: Mapping[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """Return the response, or a 304 without a body if ``If-None-Match`` lists its ``ETag``."""
    tag = response["headers"].get("ETag")
    if tag is None or response["statusCode"] != HTTPStatus.OK or not is_known(header_of(event, "if-none-match"), tag):
        return response
    headers = {name: value for name, value in response["headers"].items() if name != "Content-Type"}
    return {**response, "statusCode": int(HTTPStatus.NOT_MODIFIED), "headers": headers, "body": ""}
