"""Passwords known from data breaches, which a new password must not be (parameter ``RefuseBreachedPasswords``).

``breached_passwords.bin`` holds the sorted digests of the most frequent ones that would satisfy the pool's policy.
``local/breached_passwords.py`` makes it; docs/decisions/0044-*.md names the sources.
"""

import hashlib
from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Self

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

# Of SHA-256. With 2^13 entries, one of 2^27 other passwords has the digest of an entry.
DIGEST_BYTES = 5

_FILE = Path(__file__).with_suffix(".bin")


class BreachedPasswordError(DreamVisionError):
    """The new password is known from data breaches."""

    default_message = "The password is known from data breaches."
    user_message = "This password is known from data breaches. Please choose another one."


class BreachedPasswordSettings(Config):
    """Whether new passwords are compared with the list."""

    refuse_breached_passwords: bool = False


class BreachedPasswords:
    """The list. Upper and lower case are not distinguished: lists have few capitals, which our rules require."""

    def __init__(self, digests: bytes) -> None:
        self._digests = digests

    @classmethod
    @cache
    def packaged(cls) -> Self:
        """Return the list of this package."""
        return cls(_FILE.read_bytes())

    def __len__(self) -> int:
        return len(self._digests) // DIGEST_BYTES

    def __contains__(self, password: str) -> bool:
        wanted = digest_of(password)
        index = bisect_left(range(len(self)), wanted, key=self._at)
        return index < len(self) and self._at(index) == wanted

    def _at(self, index: int) -> bytes:
        return self._digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


class NewPasswordRules:
    """Rules for new passwords that the user pool does not know."""

    def __init__(self, settings: BreachedPasswordSettings) -> None:
        self._settings = settings

    def require(self, password: str) -> None:
        """Require that the password may be chosen.

        Raises:
            BreachedPasswordError: it is known from data breaches.
        """
        if self._settings.refuse_breached_passwords and password in BreachedPasswords.packaged():
            raise BreachedPasswordError


def digest_of(password: str) -> bytes:
    """Return the entry of a password."""
    return hashlib.sha256(password.lower().encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]
