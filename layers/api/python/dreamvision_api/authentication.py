"""Who calls: from the gateway's verified claims, or, where there are none, from the bearer token itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import Claims, TokenVerifier, UnauthenticatedError, checked_claims
from dreamvision.database.client import Database

type Event = dict[str, Any]


class Caller(NamedTuple):
    """The signed-in user, and the session (Cognito's ``origin_jti``) that the token belongs to."""

    user_id: str
    session_id: str


def authenticate(event: Event, *, sessions: Sessions | None = None, verifier: TokenVerifier | None = None) -> Caller:
    """The caller of an HTTP API event.

    The gateway's authorizer has verified the claims that it hands over. Without them (``sam local``, a route that is
    wired wrongly) the token is verified here; an unverified one is never trusted.

    Raises:
        UnauthenticatedError: no token, not a valid access token of this app, or its session was logged out.
    """
    claims = _claims_of_gateway(event)
    if claims is None:
        claims = (verifier or TokenVerifier.shared()).verify(_bearer_token(event))
    access = checked_claims(claims)
    (sessions or Sessions(Database.shared())).require_active(access.user_id, access.session_id, access.issued_at)
    return Caller(user_id=access.user_id, session_id=access.session_id)


def _claims_of_gateway(event: Event) -> Claims | None:
    authorizer: Mapping[str, Any] = event["requestContext"].get("authorizer") or {}
    claims: Claims | None = (authorizer.get("jwt") or {}).get("claims")
    return claims


def _bearer_token(event: Event) -> str:
    headers: Mapping[str, str] = event.get("headers") or {}
    value = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError
    return token.strip()
