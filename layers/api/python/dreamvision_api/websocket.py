"""Events of the WebSocket API."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

from dreamvision.auth.tokens import AccessClaims

type Event = Mapping[str, Any]


class Connection(NamedTuple):
    """An open connection, and the claims that were verified when it was opened."""

    connection_id: str
    access: AccessClaims


def connection_of(event: Event) -> Connection:
    """Return the connection of an event. API Gateway itself adds the context that the authorizer returned."""
    context = event["requestContext"]
    authorizer = context["authorizer"]
    issued_at = int(authorizer["issued_at"])
    # Connections from before an update have no expiry in their context; AccessTokenValidity is an hour.
    expires_at = int(authorizer.get("expires_at", issued_at + 3600))
    access = AccessClaims(str(authorizer["user_id"]), str(authorizer["session_id"]), issued_at, expires_at)
    return Connection(str(context["connectionId"]), access)


def is_event_type(event: Event, event_type: str) -> bool:
    """Return whether the event is a ``CONNECT``, ``DISCONNECT`` or ``MESSAGE``.

    The route key does not tell: a message can name any route as its action.
    """
    return bool(event["requestContext"]["eventType"] == event_type)


def message_bytes(event: Event) -> bytes:
    """Return the bytes of a text or binary message."""
    body = str(event.get("body") or "")
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")
