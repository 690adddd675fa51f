"""Signed URLs of CloudFront. Until it expires, a URL with a valid signature is served to whoever has it.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
"""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Self

from botocore.signers import CloudFrontSigner
from pydantic import BaseModel, Field

from dreamvision.core.config import ConfigurationError
from dreamvision.core.secrets import read_secret

# Running functions pick up a replaced key within this time.
_KEY_SECONDS = 300


class _StoredKey(BaseModel):
    key_pair_id: str = Field(pattern=r"^[A-Z0-9]+$")
    private_key: str


class SigningKey:
    """A private key. ``key_pair_id`` is the ID of its public key in CloudFront.

    The same URL and expiry always give the same signature.
    """

    def __init__(self, key_pair_id: str, sign: Callable[[bytes], bytes]) -> None:
        self._signer = CloudFrontSigner(key_pair_id, sign)

    @classmethod
    @lru_cache(maxsize=2)
    def from_text(cls, text: str) -> Self:
        """Return the key of ``{"key_pair_id": "K2JCJMDEHXQW5F", "private_key": "<PEM>"}``.

        Raises:
            ConfigurationError: the text is something else, or the key is not on the curve P-256.
        """
        # Imported with the first link: a function's start does without it.
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            stored = _StoredKey.model_validate_json(text)
            private_key = load_pem_private_key(stored.private_key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # pydantic's message can contain the key.
            raise ConfigurationError("The secret with the videos' signing key is malformed.") from None
        if not isinstance(private_key, EllipticCurvePrivateKey) or not isinstance(private_key.curve, SECP256R1):
            raise ConfigurationError("The videos' signing key is not an ECDSA key on the curve P-256.")
        # Random nonces would make every signature of a URL different (RFC 6979).
        algorithm = ECDSA(SHA256(), deterministic_signing=True)
        return cls(stored.key_pair_id, lambda policy: private_key.sign(policy, algorithm))

    @classmethod
    def from_secret(cls, secret_id: str) -> Self:
        """Return the key in a secret of Secrets Manager.

        Raises:
            ConfigurationError: the secret cannot be read, or is not a key as ``from_text`` expects it.
        """
        return cls.from_text(read_secret(secret_id, max_age_seconds=_KEY_SECONDS))

    def signed(self, url: str, expires_at: datetime) -> str:
        """Return ``url``, which may have a query, with a signature that is valid until ``expires_at``."""
        return f"{self._signer.generate_presigned_url(url, date_less_than=expires_at)}&Hash-Algorithm=SHA256"
