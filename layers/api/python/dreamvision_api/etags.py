"""Conditional requests (RFC 9110, section 13): entity tags, and answers that a client has already."""

import base64
import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def entity_tag(version: str) -> str:
    """A strong entity tag of a version, which it does not give away."""
    digest = hashlib.sha256(version.encode()).digest()[:16]
    return f'"{base64.urlsafe_b64encode(digest).decode().rstrip("=")}"'


def is_known(if_none_match: str, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag. The comparison is the weak one, as for every GET."""
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)


def not_modified(event: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, or 304 without a body where the client has the very same one by its ``ETag``."""
    tag = answer["headers"].get("ETag")
    known = next((value for name, value in event["headers"].items() if name.lower() == "if-none-match"), "")
    if tag is None or answer["statusCode"] != HTTPStatus.OK or not is_known(known, tag):
        return answer
    headers = {name: value for name, value in answer["headers"].items() if name != "Content-Type"}
    return {**answer, "statusCode": int(HTTPStatus.NOT_MODIFIED), "headers": headers, "body": ""}
