"""Authentication of WebSocket handshakes.

React Native sends the token in the ``Authorization`` header. Browsers cannot set headers, so they send it as a
subprotocol next to the real one: ``dreamvision, bearer.<token>``. URLs end up in logs and histories: a handshake with a
token in its URL is rejected.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims, TokenVerifier, UnauthenticatedError
from dreamvision.database.client import Database
from dreamvision_api.headers import header_of
from dreamvision_api.websocket import Event

SUBPROTOCOL = "dreamvision"
_TOKEN_PREFIX = "bearer."  # noqa: S105 - the prefix of a token
_TOKEN_PARAMETERS = frozenset({"token", "access_token", "id_token", "jwt", "authorization", "auth", "bearer"})
_JWT_SHAPE = re.compile(r"[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


def authenticate_handshake(
    event: Event, *, sessions: Sessions | None = None, verifier: TokenVerifier | None = None
) -> AccessClaims:
    """Return the verified claims of a handshake.

    Raises:
        UnauthenticatedError: no token, no valid access token of this app, its session was signed out, or the URL
            contains a token.
    """
    if _has_token_in_url(event):
        raise UnauthenticatedError
    access = (verifier or TokenVerifier.shared()).verify(_token(event))
    (sessions or Sessions(Database.shared())).require_active(access.user_id, access.session_id, access.issued_at)
    return access


def authorizer_policy(event: Event, access: AccessClaims | None) -> dict[str, Any]:
    """Return the authorizer's response: allow with the claims as context, or deny without claims."""
    effect = "Deny" if access is None else "Allow"
    response: dict[str, Any] = {
        "principalId": access.user_id if access else "nobody",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}],
        },
    }
    if access:
        # API Gateway passes the context to every function of this connection, as strings.
        response["context"] = {name: str(value) for name, value in access._asdict().items()}
    return response


def handshake_headers(event: Event) -> dict[str, str]:
    """Return the headers of a successful handshake: the selected subprotocol, never the token."""
    return {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in _subprotocols(event) else {}


def _token(event: Event) -> str:
    authorization = header_of(event, "authorization")
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthenticatedError
        return token.strip()
    subprotocols = _subprotocols(event)
    tokens = [each.removeprefix(_TOKEN_PREFIX) for each in subprotocols if each.startswith(_TOKEN_PREFIX)]
    # Without the real subprotocol there is none to select, and a browser would close the connection.
    if SUBPROTOCOL not in subprotocols or len(tokens) != 1:
        raise UnauthenticatedError
    return tokens[0]


def _subprotocols(event: Event) -> list[str]:
    return [each.strip() for each in header_of(event, "sec-websocket-protocol").split(",")]


def _has_token_in_url(event: Event) -> bool:
    parameters = _query_parameters(event)
    return any(name.lower() in _TOKEN_PARAMETERS or _JWT_SHAPE.search(value) for name, value in parameters)


def _query_parameters(event: Event) -> Iterator[tuple[str, str]]:
    single: Mapping[str, str] = event.get("queryStringParameters") or {}
    multiple: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    yield from single.items()
    yield from ((name, value) for name, values in multiple.items() for value in values)
