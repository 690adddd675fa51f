"""A key that signs links to videos, and CloudFront's check of them."""

import json
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from dreamvision.media.signatures import SigningKey
from local.emulator.strict.signed_urls import SignedUrls

KEY_PAIR_ID = "K2JCJMDEHXQW5F"
MEDIA_URL = "https://media.example.com"
_GROUP = "KGROUP"


@cache
def private_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def pem(key: EllipticCurvePrivateKey | RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_text() -> str:
    """Return what the secret contains."""
    return json.dumps({"key_pair_id": KEY_PAIR_ID, "private_key": pem(private_key())})


def signing_key() -> SigningKey:
    return SigningKey.from_text(key_text())


def cloudfront(*trusted: str, public_key: str | None = None) -> SimpleNamespace:
    """Return the emulator's records of a public key (default: ours), and of a group with the key pairs ``trusted``."""
    public_pem = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SimpleNamespace(
        _key_groups={_GROUP: {"Config": {"Items": list(trusted)}}},
        _public_keys={KEY_PAIR_ID: {"Config": {"EncodedKey": public_key or public_pem.decode()}}},
    )


def refusal_of(
    url: str, at: datetime, trusted: tuple[str, ...] = (KEY_PAIR_ID,), public_key: str | None = None
) -> str | None:
    """Return the code with which CloudFront refuses a request at that time; ``None`` if it serves the video."""
    parts = urlsplit(url)
    checks = SignedUrls(cloudfront(*trusted, public_key=public_key), None, clock=lambda: at.timestamp())
    found = checks.refusal(f"{parts.scheme}://{parts.netloc}{parts.path}", parts.query, [_GROUP])
    return found and found[0]


def expiry_of(url: str) -> datetime:
    """Return the second at which a link is no longer valid, as CloudFront would find out."""
    (expires,) = (part for part in urlsplit(url).query.split("&") if part.startswith("Expires="))
    return datetime.fromtimestamp(int(expires.removeprefix("Expires=")), UTC)
