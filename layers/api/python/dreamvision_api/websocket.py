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
    access = AccessClaims(str(authorizer["user_id"]), str(authorizer["session_id"]), int(authorizer["issued_at"]))
    return Connection(str(context["connectionId"]), access)


def is_event_type(event: Event, event_type: str) -> bool:
    """Return whether the event is a ``CONNECT``, ``DISCONNECT`` or ``MESSAGE``.

    The route key does not tell: a message can name any route as its action.
    """
    return bool(event["requestContext"]["eventType"] == event_type)


def message_text(event: Event) -> str:
    """Return the text of a message. Bytes of a binary message that are not UTF-8 become replacement characters."""
    body = str(event.get("body") or "")
    return base64.b64decode(body).decode("utf-8", "replace") if event.get("isBase64Encoded") else body
