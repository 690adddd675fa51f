"""A user pool's keys and tokens: RS256, published as a JWKS, with Cognito's claims."""

import json
import secrets
import uuid
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from dreamvision.auth.tokens import SCOPE

COGNITO_SCOPE = "aws.cognito.signin.user.admin"
"""The scope that Cognito gives to every access token from a sign-in through its API."""
ACCESS_TOKEN_SECONDS = 3600


@cache
def _private_key(name: str) -> rsa.RSAPrivateKey:
    """Return the key of a name, cached: generating one takes about 100 ms."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class TokenIssuer:
    """Signs tokens as one user pool would."""

    def __init__(self, issuer: str, client_id: str, key: str = "first") -> None:
        self.issuer = issuer
        self.client_id = client_id
        self.key_id = f"{key}-key"
        self.private_key = _private_key(key)

    def jwks(self) -> dict[str, Any]:
        """Return the pool's key set."""
        public = json.loads(RSAAlgorithm.to_jwk(self.private_key.public_key()))
        return {"keys": [{**public, "kid": self.key_id, "alg": "RS256", "use": "sig"}]}

    def access_claims(self, sub: str, origin_jti: str, now: float, signed_in_at: float | None = None) -> dict[str, Any]:
        """Return the claims of an access token: no ``aud``, no e-mail address."""
        return {
            "sub": sub,
            "iss": self.issuer,
            "client_id": self.client_id,
            "origin_jti": origin_jti,
            "event_id": str(uuid.uuid4()),
            "token_use": "access",
            "scope": SCOPE,
            "auth_time": int(now if signed_in_at is None else signed_in_at),
            "exp": int(now) + ACCESS_TOKEN_SECONDS,
            "iat": int(now),
            "jti": str(uuid.uuid4()),
            "username": sub,
        }

    def id_claims(self, sub: str, origin_jti: str, now: float, email: str) -> dict[str, Any]:
        """Return the claims of an ID token, which every API rejects."""
        claims = self.access_claims(sub, origin_jti, now) | {"aud": self.client_id, "token_use": "id", "email": email}
        return {name: value for name, value in claims.items() if name not in ("client_id", "scope", "username")}

    def sign(self, claims: dict[str, Any], key_id: str | None = None) -> str:
        """Sign these claims."""
        return jwt.encode(claims, self.private_key, algorithm="RS256", headers={"kid": key_id or self.key_id})

    def read(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token of this issuer, even if it has expired; ``None`` for other tokens."""
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self.private_key.public_key(), algorithms=["RS256"], options=options
            )
        except jwt.PyJWTError:
            return None
        return claims


def opaque_token() -> str:
    """Return a text like a refresh token: five parts that only Cognito can decode."""
    return ".".join(secrets.token_urlsafe(24) for _ in range(5))
