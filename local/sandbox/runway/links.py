"""Expiring output links, ``/outputs/<video_id>.mp4?_jwt=<token>``, signed in the format of the vendor's CDN."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable


class InvalidLinkError(Exception):
    """The link's token is missing, forged, expired or for another file."""


class LinkSigner:
    """Signer of paths with HS256 (RFC 7518). Times are seconds since the epoch."""

    def __init__(self, secret: bytes, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock

    def sign(self, path: str, lifetime_seconds: float) -> str:
        """Return ``path`` with a token valid for ``lifetime_seconds``; a negative value gives an expired link."""
        head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = _encode(json.dumps({"path": path, "exp": self._clock() + lifetime_seconds}).encode())
        return f"{path}?_jwt={head}.{claims}.{_encode(self._mac(f'{head}.{claims}'))}"

    def check(self, path: str, token: str) -> None:
        """Verify a link's token.

        Raises:
            InvalidLinkError: ``token`` is forged, expired or not for ``path``.
        """
        signed, _, mac = token.rpartition(".")
        if not hmac.compare_digest(_encode(self._mac(signed)), mac):
            raise InvalidLinkError("The token's signature is invalid.")
        claims = json.loads(_decode(signed.partition(".")[2]))
        if claims["path"] != path or claims["exp"] <= self._clock():
            raise InvalidLinkError("The token is expired or for another file.")

    def _mac(self, text: str) -> bytes:
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
