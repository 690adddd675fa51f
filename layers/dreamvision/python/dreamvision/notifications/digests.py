"""What stands for ids and push tokens where they are stored or queued outside the users' own items."""

import hashlib


def digest_of(text: str) -> str:
    """Return 128 bits of the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
