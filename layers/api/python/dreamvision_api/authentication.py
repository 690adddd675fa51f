"""Authentication of HTTP requests: by the gateway's verified claims or, without them, by the bearer token."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import Claims, TokenVerifier, UnauthenticatedError
from dreamvision.database.client import Database
from dreamvision_api.headers import header_of

type Event = dict[str, Any]


class Caller(NamedTuple):
    """The authenticated user, the session of the token (Cognito's ``origin_jti``), and the token's time of issue."""

    user_id: str
    session_id: str
    issued_at: int


def authenticate(event: Event, *, sessions: Sessions | None = None, verifier: TokenVerifier | None = None) -> Caller:
    """Return the caller of an HTTP API event.

    The gateway's authorizer has verified the claims that it passes on. Without them (``sam local``, a misconfigured
    route) the token is verified here; an unverified token is never trusted.

    Raises:
        UnauthenticatedError: no token, no valid access token of this app, or its session was signed out.
    """
    claims, verifier = _gateway_claims(event), verifier or TokenVerifier.shared()
    access = verifier.verify(_bearer_token(event)) if claims is None else verifier.check(claims)
    (sessions or Sessions(Database.shared())).require_active(access.user_id, access.session_id, access.issued_at)
    return Caller(user_id=access.user_id, session_id=access.session_id, issued_at=access.issued_at)


def _gateway_claims(event: Event) -> Claims | None:
    authorizer: Mapping[str, Any] = event["requestContext"].get("authorizer") or {}
    claims: Claims | None = (authorizer.get("jwt") or {}).get("claims")
    return claims


def _bearer_token(event: Event) -> str:
    scheme, _, token = header_of(event, "authorization").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError
    return token.strip()
