"""Access tokens of the user pool: claim checks, and verification where no gateway has done it.

Cognito's access tokens have no ``aud``; ``client_id`` names the app. ID tokens are meant for the app itself and are
rejected by ``token_use``.
"""

import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from jwt import PyJWK

type Claims = Mapping[str, Any]

SCOPE = "dreamvision/api"
"""The scope of our access tokens, given by functions/triggers/pre_token_generation."""

# Minimum time between key downloads. An unknown key id triggers one, and anyone can make up key ids.
_KEY_REFRESH_COOL_DOWN_SECONDS = 60.0
_KEYS_TIMEOUT_SECONDS = 3.0


class UnauthenticatedError(DreamVisionError):
    """The access token is missing or invalid. The reason is not disclosed: it would only help an attacker."""

    default_message = "The request has no valid access token."
    user_message = "Please sign in."


class IdentitySettings(Config):
    """The user pool and the app client whose access tokens are accepted.

    ``AWS_REGION`` is set by Lambda. ``AWS_ENDPOINT_URL`` is the SDKs' own override, which only the local stack sets: it
    moves the key set to the emulator and leaves the issuer as it is.
    """

    user_pool_id: str
    user_pool_client_id: str
    aws_region: str
    aws_endpoint_url: str = ""

    @property
    def token_issuer(self) -> str:
        """The ``iss`` claim of the pool's tokens; the same URL as the authorizer's in template.yaml."""
        return f"{self._cognito_url}/{self.user_pool_id}"

    @property
    def jwks_url(self) -> str:
        """The URL of the pool's public keys (JWKS)."""
        return f"{self.aws_endpoint_url or self._cognito_url}/{self.user_pool_id}/.well-known/jwks.json"

    @property
    def _cognito_url(self) -> str:
        return f"https://cognito-idp.{self.aws_region}.amazonaws.com"


class AccessClaims(NamedTuple):
    """The relevant claims of an access token. Times are in Unix seconds."""

    user_id: str
    session_id: str
    issued_at: int
    expires_at: int


def checked_claims(claims: Claims, settings: IdentitySettings) -> AccessClaims:
    """Return the caller from claims whose signature and expiry are already verified.

    The check is the same for HTTP requests and WebSocket handshakes.

    Raises:
        UnauthenticatedError: the claims are not those of an access token of this pool and app with our scope.
    """
    expected = {
        "token_use": "access",
        "iss": settings.token_issuer,
        "client_id": settings.user_pool_client_id,
    }
    user_id, session_id = claims.get("sub"), claims.get("origin_jti")
    if any(claims.get(name) != value for name, value in expected.items()) or not user_id or not session_id:
        raise UnauthenticatedError
    if SCOPE not in str(claims.get("scope", "")).split():
        raise UnauthenticatedError
    try:
        # The gateway passes numbers as strings.
        issued_at, expires_at = int(claims["iat"]), int(claims["exp"])
    except (KeyError, TypeError, ValueError):
        raise UnauthenticatedError from None
    return AccessClaims(str(user_id), str(session_id), issued_at, expires_at)


class TokenVerifier:
    """Verifies bearer tokens with the pool's published keys, which are fetched on demand and cached."""

    def __init__(
        self,
        settings: IdentitySettings,
        fetch_keys: Callable[[], Mapping[str, Any]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch_keys = fetch_keys or self._download_keys
        self._monotonic = monotonic
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at: float | None = None
        self._lock = threading.Lock()

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(IdentitySettings.from_environment())

    def verify(self, token: str) -> AccessClaims:
        """Return the caller of a valid access token of this app.

        Raises:
            UnauthenticatedError: the token is malformed, wrongly signed (or ``none``), expired, or of another issuer,
                app, use or scope.
        """
        import jwt  # takes about 0.1 s to import: only needed where the gateway did not verify the token

        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._settings.token_issuer,
                options={"require": ["exp", "iat", "iss", "sub"], "verify_aud": False},
            )
        except (jwt.PyJWTError, KeyError):
            raise UnauthenticatedError from None
        return self.check(claims)

    def check(self, claims: Claims) -> AccessClaims:
        """Return the caller from claims that the gateway's authorizer has verified; see ``checked_claims``."""
        return checked_claims(claims, self._settings)

    def _key(self, key_id: str) -> "PyJWK":
        with self._lock:
            if key_id not in self._keys and self._may_fetch():
                self._keys = self._parse(self._fetch_keys())
                self._fetched_at = self._monotonic()
            return self._keys[key_id]

    def _may_fetch(self) -> bool:
        return self._fetched_at is None or self._monotonic() - self._fetched_at >= _KEY_REFRESH_COOL_DOWN_SECONDS

    @staticmethod
    def _parse(document: Mapping[str, Any]) -> "dict[str, PyJWK]":
        import jwt

        return {str(key["kid"]): jwt.PyJWK(key) for key in document["keys"] if key.get("kty") == "RSA"}

    def _download_keys(self) -> Mapping[str, Any]:
        import httpx

        response = httpx.get(self._settings.jwks_url, timeout=_KEYS_TIMEOUT_SECONDS)
        document: Mapping[str, Any] = response.raise_for_status().json()
        return document
