"""Forged bearer tokens: everything that a JWT library, an authorizer or a header parser may get wrong.

The pool's private key, which the emulator keeps on disk, signs those that differ from a valid token in one claim only.
"""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwt.algorithms import RSAAlgorithm

from dreamvision.auth.tokens import SCOPE

COGNITO_SCOPE = "aws.cognito.signin.user.admin"
_STRANGER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
_HMACS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def encode(data: bytes | str | Mapping[str, Any]) -> str:
    """Return one part of a token."""
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


class Forger:
    """Forges variants of one valid access token. ``state`` is the emulator's folder, ``pool`` the user pool's id."""

    def __init__(self, state: Path, pool: str, token: str) -> None:
        (file,) = state.rglob(f"{pool}-access.pem")
        key = load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._key = key
        self.token = token
        self.head, self.body, self.signature = token.split(".")
        self.claims = claims_of(token)
        self.key_id = str(jwt.get_unverified_header(token)["kid"])

    @cached_property
    def _own_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def signed(self, key: Any = None, *, alg: str = "RS256", kid: object = None, **changes: Any) -> str:
        """Return the token with other claims (``...`` removes one), signed with the pool's key or another one."""
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not ...}
        # PyJWT's encode refuses claims of a wrong type.
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, key or self._key, alg, {"typ": "JWT", "kid": kid or self.key_id})

    # ------------------------------------------------------------ kinds

    def credentials(self) -> dict[str, str | None]:
        """Return values of ``Authorization`` that no route may accept, by name."""
        tokens = {**dict(self._algorithms()), **dict(self._key_ids()), **dict(self._headers())}
        tokens |= {**dict(self._signatures()), **dict(self._claims())}
        return dict(self._values()) | {name: f"Bearer {token}" for name, token in tokens.items()}

    def _values(self) -> Iterator[tuple[str, str | None]]:
        yield from {
            "nothing": None,
            "empty": "",
            "a scheme without a token": "Bearer",
            "Basic": f"Basic {self.token}",
            "another scheme": f"Token {self.token}",
            "garbage": "Bearer garbage",
            "two parts": f"Bearer {self.head}.{self.body}",
            "empty parts": "Bearer ..",
            "short parts": "Bearer a.b.c",
            "four parts": f"Bearer {self.token}.{self.signature}",
            "five parts, as encrypted": f"Bearer {self.head}.{self.body}.{self.signature}.{self.body}.{self.signature}",
            "quotes": f'Bearer "{self.token}"',
            "a long token": f"Bearer {self.head}.{'A' * 6000}.{self.signature}",
            "JSON": f"Bearer {json.dumps(self.claims)}",
            "base64 without a signature": f"Bearer {encode(self.claims)}",
        }.items()

    def _algorithms(self) -> Iterator[tuple[str, str]]:
        for name in ("none", "None", "NONE", "nOnE", "", " none"):
            head = encode({"alg": name, "typ": "JWT", "kid": self.key_id})
            yield f"alg {name!r} without a signature", f"{head}.{self.body}."
            yield f"alg {name!r} with the old signature", f"{head}.{self.body}.{self.signature}"
        public = self._key.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        secrets = {
            "the public key": pem,
            "the public key, stripped": pem.strip(),
            "the public key in PKCS #1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "the public key in DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "the published key": RSAAlgorithm.to_jwk(public).encode(),
            "the key's id": self.key_id.encode(),
            "an empty secret": b"",
            "a guess": b"secret",
        }
        for name, secret in secrets.items():
            yield f"HS256 by {name}", self._hmac("HS256", secret)
        yield "HS384 by the public key", self._hmac("HS384", pem)
        yield "HS512 by the public key", self._hmac("HS512", pem)
        yield "ES256 by a key of one's own", self.signed(ec.generate_private_key(ec.SECP256R1()), alg="ES256")
        yield "EdDSA by a key of one's own", self.signed(ed25519.Ed25519PrivateKey.generate(), alg="EdDSA")
        for value in (None, ["RS256"], 256, {"alg": "RS256"}):
            yield f"alg {value!r}", f"{encode({'alg': value, 'kid': self.key_id})}.{self.body}.{self.signature}"
        yield "no alg", f"{encode({'kid': self.key_id})}.{self.body}.{self.signature}"

    def _hmac(self, alg: str, secret: bytes) -> str:
        signed = f"{encode({'alg': alg, 'typ': 'JWT', 'kid': self.key_id})}.{self.body}"
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), _HMACS[alg]))}"

    def _key_ids(self) -> Iterator[tuple[str, str]]:
        for kid in (
            "another", "../../../../dev/null", "/dev/null", "' OR '1'='1", "https://evil.example/jwks.json", "a" * 4000,
            f"{self.key_id}\x00", self.key_id.upper() + "x", "__proto__",
        ):  # fmt: skip
            yield f"key id {kid[:30]!r}", self.signed(self._own_key, kid=kid)
        for value in (["x"], 0, {"a": 1}):
            head = encode({"alg": "RS256", "kid": value})
            yield f"key id {value!r}", f"{head}.{self.body}.{self.signature}"
        yield (
            "an empty HMAC for /dev/null",
            self._hmac("HS256", b"").replace(
                encode({"alg": "HS256", "typ": "JWT", "kid": self.key_id}),
                encode({"alg": "HS256", "typ": "JWT", "kid": "/dev/null"}),
            ),
        )

    def _headers(self) -> Iterator[tuple[str, str]]:
        own = json.loads(RSAAlgorithm.to_jwk(self._own_key.public_key()))
        for name, value in {
            "jku": "https://evil.example/jwks.json",
            "x5u": "https://evil.example/cert.pem",
            "x5c": ["MIIB"],
            "jwk": own,
        }.items():
            head = {"kid": "own", name: value}
            yield (
                f"header {name} with a key of one's own",
                jwt.encode(self.claims, self._own_key, "RS256", headers=head),
            )
            head = {"kid": self.key_id, name: value}
            yield f"header {name} under the pool's id", jwt.encode(self.claims, self._own_key, "RS256", headers=head)

    def _signatures(self) -> Iterator[tuple[str, str]]:
        signed = f"{self.head}.{self.body}"
        flipped = ("A" if self.signature[10] != "A" else "B").join((self.signature[:10], self.signature[11:]))
        yield "no signature", f"{signed}."
        yield "a changed signature", f"{signed}.{flipped}"
        yield "half a signature", f"{signed}.{self.signature[:170]}"
        yield "a signature of zeros", f"{signed}.{encode(bytes(256))}"
        yield "an empty signature of 256 spaces", f"{signed}.{encode(b' ' * 256)}"
        yield "a signature by a key of one's own", self.signed(self._own_key)
        changed: dict[str, object] = {
            "sub": _STRANGER,
            "exp": int(time.time()) + 10**6,
            "scope": f"{SCOPE} {COGNITO_SCOPE}",
            "origin_jti": _STRANGER,
        }
        for name, value in changed.items():
            body = encode({**self.claims, name: value})
            yield f"another {name} under the old signature", f"{self.head}.{body}.{self.signature}"

    def _claims(self) -> Iterator[tuple[str, str]]:
        now, issuer, client = int(time.time()), str(self.claims["iss"]), str(self.claims["client_id"])
        one_claim: dict[str, tuple[Any, ...]] = {
            "exp": (now - 1, now - 3600, 0, -1, "soon", None, ...),
            "iat": (None, ..., "then"),
            "iss": (f"{issuer}2", f"{issuer}/", issuer.rpartition("/")[0], issuer.upper(), [issuer], "", None, ...),
            "client_id": ("another", "", client[:-1], client.lower() + "x", [client], None, ...),
            "token_use": ("id", "refresh", "ACCESS", "", ["access"], None, ...),
            "scope": ("", COGNITO_SCOPE, "openid", f"{SCOPE}x", f"x{SCOPE}", SCOPE.upper(), None, ...),
            "sub": ("", None, ...),
            # Not null: the emulator's authorizer would pass it on as the text "None".
            "origin_jti": ("", ...),
        }
        for claim, values in one_claim.items():
            for value in values:
                shown = "missing" if value is ... else repr(value)[:40]
                yield f"claim {claim} {shown}", self.signed(**{claim: value})
        yield "the client as aud", self.signed(client_id=..., aud=client)
        yield "an ID token's claims", self.signed(client_id=..., scope=..., aud=client, token_use="id")


def in_parallel[Item, Result](work: Callable[[Item], Result], items: list[Item], threads: int = 4) -> list[Result]:
    """Return the results of ``work`` in the order of the items."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
