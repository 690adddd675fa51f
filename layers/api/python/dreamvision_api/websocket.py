"""The events of the WebSocket API: the token of a handshake, and who speaks on an open connection.

React Native sends the token as a header. Browsers cannot, so that there it is a subprotocol beside the one that is
meant: ``dreamvision, bearer.<token>``. Addresses end up in logs and histories: one with a token in it is refused.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims, TokenVerifier, UnauthenticatedError, checked_claims
from dreamvision.database.client import Database

type Event = Mapping[str, Any]

SUBPROTOCOL = "dreamvision"
_TOKEN_PREFIX = "bearer."  # noqa: S105 - what stands before one
_TOKEN_NAMES = frozenset({"token", "access_token", "id_token", "jwt", "authorization", "auth", "bearer"})
_LOOKS_LIKE_A_TOKEN = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


class Connected(NamedTuple):
    """An open connection, and the claims that were verified when it was opened."""

    connection_id: str
    access: AccessClaims


def authenticate_handshake(
    event: Event, *, sessions: Sessions | None = None, verifier: TokenVerifier | None = None
) -> AccessClaims:
    """Who wants to connect.

    Raises:
        UnauthenticatedError: no token, not a valid access token of this app, its session was logged out, or a token
            stands in the address.
    """
    if _has_token_in_address(event):
        raise UnauthenticatedError
    access = checked_claims((verifier or TokenVerifier.shared()).verify(_token(event)))
    (sessions or Sessions(Database.shared())).require_active(*access)
    return access


def policy(event: Event, access: AccessClaims | None) -> dict[str, Any]:
    """The authorizer's answer: in, with what the other functions have to know, or out."""
    effect = "Deny" if access is None else "Allow"
    answer: dict[str, Any] = {
        "principalId": access.user_id if access else "nobody",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}],
        },
    }
    if access:
        # API Gateway hands the context to every function of this connection, as texts.
        answer["context"] = {name: str(value) for name, value in access._asdict().items()}
    return answer


def connected(event: Event) -> Connected:
    """The connection that an event is about. What the authorizer has said of it comes from API Gateway itself."""
    context = event["requestContext"]
    authorizer = context["authorizer"]
    access = AccessClaims(str(authorizer["user_id"]), str(authorizer["session_id"]), int(authorizer["issued_at"]))
    return Connected(str(context["connectionId"]), access)


def is_about(event: Event, kind: str) -> bool:
    """Whether the event is a ``CONNECT``, ``DISCONNECT`` or ``MESSAGE``: a client may name any route in a message."""
    return bool(event["requestContext"]["eventType"] == kind)


def handshake_headers(event: Event) -> dict[str, str]:
    """The headers of a good answer to a handshake: the chosen subprotocol, never the token."""
    return {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in _offered(event) else {}


def text_of(event: Event) -> str:
    """The message. What is no text in UTF-8 (binary messages may hold anything) comes with replacement characters."""
    body = str(event.get("body") or "")
    return base64.b64decode(body).decode("utf-8", "replace") if event.get("isBase64Encoded") else body


def _token(event: Event) -> str:
    authorization = _header(event, "authorization")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError
        return token.strip()
    offered = _offered(event)
    tokens = [each.removeprefix(_TOKEN_PREFIX) for each in offered if each.startswith(_TOKEN_PREFIX)]
    # Without ours among them there is none to choose, and a browser would give up.
    if SUBPROTOCOL not in offered or len(tokens) != 1:
        raise UnauthenticatedError
    return tokens[0]


def _offered(event: Event) -> list[str]:
    return [each.strip() for each in _header(event, "sec-websocket-protocol").split(",")]


def _header(event: Event, wanted: str) -> str:
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _has_token_in_address(event: Event) -> bool:
    return any(name.lower() in _TOKEN_NAMES or _LOOKS_LIKE_A_TOKEN.search(value) for name, value in _query(event))


def _query(event: Event) -> Iterator[tuple[str, str]]:
    single: Mapping[str, str] = event.get("queryStringParameters") or {}
    several: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    yield from single.items()
    yield from ((name, value) for name, values in several.items() for value in values)
