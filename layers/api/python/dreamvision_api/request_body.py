"""Validation of a request body before the resolver parses it.

The resolver would accept a body of any size, a form, or the first element of a list.
"""

import base64
import binascii
import json
from typing import Any

from dreamvision_api.headers import header_of, with_header
from dreamvision_api.problems import BODY_TOO_LARGE, MALFORMED, UNSUPPORTED_TYPE, Problem

type Event = dict[str, Any]

# The longest dream, 2,000 characters outside the BMP, has 24,000 bytes as escaped surrogate pairs.
MAX_BODY_BYTES = 32_768

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Other routes ignore the body of a DELETE, which is not read there.
_DELETIONS_WITH_BODY = frozenset({"DELETE /api/v1/auth/me"})
_JSON_TYPES = frozenset({"", "application/json"})


class RequestBodyError(Exception):
    """The body is not acceptable; ``problem`` and ``detail`` are the response."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail


def require_json_object(event: Event) -> None:
    """Check that the body of an HTTP API event is a JSON object, decode it from base64, and name its type in place.

    Raises:
        RequestBodyError: see ``json_object``.
    """
    body = json_object(event)
    if body is not None:
        event["body"], event["isBase64Encoded"] = json.dumps(body), False
    # The resolver compares types case-sensitively and looks at them without a body, too: it would fail.
    event["headers"] = with_header(event, "content-type", "application/json")


def json_object(event: Event) -> dict[str, Any] | None:
    """Return the body of an HTTP API event, or ``None`` if it has none.

    Raises:
        RequestBodyError: 413 for more than ``MAX_BODY_BYTES``, 415 for another content type, 400 for a body that is not
            a JSON object.
    """
    method = event["requestContext"]["http"]["method"]
    has_body = method in _METHODS_WITH_BODY or event["routeKey"] in _DELETIONS_WITH_BODY
    if not has_body or not event.get("body"):
        return None
    if _size(event) > MAX_BODY_BYTES:
        raise RequestBodyError(BODY_TOO_LARGE, f"A request body may have {MAX_BODY_BYTES:,} bytes at the most.")
    if _content_type(event) not in _JSON_TYPES:
        raise RequestBodyError(UNSUPPORTED_TYPE, "Send the request body as application/json.")
    try:
        body = json.loads(_body_text(event), parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise RequestBodyError(MALFORMED, "The request body could not be parsed as JSON.") from None
    if not isinstance(body, dict):
        raise RequestBodyError(MALFORMED, "The request body must be a JSON object.")
    return body


def _size(event: Event) -> int:
    """Return the size of the body in bytes. One in base64 is measured without decoding it."""
    body = str(event["body"])
    if event.get("isBase64Encoded"):
        return len(body) // 4 * 3 - body[-2:].count("=")
    # A character has at least one byte.
    return len(body) if len(body) > MAX_BODY_BYTES else len(body.encode("utf-8", "surrogatepass"))


def _reject_constant(name: str) -> None:
    """Reject ``NaN`` and ``Infinity``, which ``json.loads`` accepts by default."""
    raise ValueError(f"{name} is not JSON")


def _content_type(event: Event) -> str:
    return header_of(event, "content-type").split(";")[0].strip().lower()


def _body_text(event: Event) -> str:
    body = str(event["body"])
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except binascii.Error as error:
        raise ValueError("not base64") from error
