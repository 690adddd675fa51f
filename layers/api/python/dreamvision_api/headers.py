"""Request headers of API Gateway's events, whose names are case-insensitive (RFC 9110, section 5.1)."""

from collections.abc import Mapping
from typing import Any


def header_of(event: Mapping[str, Any], name: str) -> str:
    """Return a header of an event, or an empty string. ``name`` is in lower case."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), "")


def with_header(event: Mapping[str, Any], name: str, value: str) -> dict[str, str]:
    """Return the headers of an event, with one replaced. ``name`` is in lower case."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return {key: each for key, each in headers.items() if key.lower() != name} | {name: value}
