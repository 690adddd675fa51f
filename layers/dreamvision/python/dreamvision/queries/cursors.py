"""Signed cursors: the position in a list where the next page starts.

A cursor is valid only for the list and the user that it was issued for. Format, in base64url without padding: version
(1 byte), number of the page that it starts (3), id of the last row before it (16), and the first 16 bytes of
HMAC-SHA256 over all of that, the user and the list.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple, Self

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.secrets import read_secret
from dreamvision.schemas.invalid_values import ValueCode

CURSOR_LENGTH: Final = 48
CURSOR_PATTERN: Final = r"^[A-Za-z0-9_-]{48}$"

_VERSION = 1
_BODY_BYTES = 20
_MAX_PAGE = 0xFFFFFF
# The key never changes; each container reads it once.
_KEY_SECONDS = 86_400


class InvalidCursorError(DreamVisionError):
    """The cursor was not issued by us, or not for this list and user."""

    default_message = "The cursor is not valid for this list."
    user_message = "See `errors` for the values to correct."
    problem_errors = (
        {
            "loc": ["query", "cursor"],
            "msg": "Is not a cursor of this list. Start again without one.",
            "code": ValueCode.INVALID_CURSOR.value,
        },
    )


class CursorSettings(Config):
    """The name of the secret that holds the key."""

    cursor_secret: str


class Position(NamedTuple):
    """The start of a page: after the row with this id. ``page`` is the page number, from 1."""

    after_id: str
    page: int


class Cursors:
    """Issues and verifies cursors. ``key`` is called when the key is first needed."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        settings = CursorSettings.from_environment()
        return cls(lambda: read_secret(settings.cursor_secret, max_age_seconds=_KEY_SECONDS).encode())

    def make(self, position: Position, *, user_id: str, list_name: str) -> str:
        """Return the cursor of a position. ``list_name`` names the list and its filters."""
        page = min(position.page, _MAX_PAGE)
        body = bytes([_VERSION]) + page.to_bytes(3) + uuid.UUID(position.after_id).bytes
        return base64.urlsafe_b64encode(body + self._tag(body, user_id, list_name)).decode()

    def read(self, cursor: str, *, user_id: str, list_name: str) -> Position:
        """Return the position that a cursor encodes.

        Raises:
            InvalidCursorError: the cursor was not issued for this user and list.
        """
        try:
            decoded = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise InvalidCursorError from None
        body, tag = decoded[:_BODY_BYTES], decoded[_BODY_BYTES:]
        if len(cursor) != CURSOR_LENGTH or not hmac.compare_digest(tag, self._tag(body, user_id, list_name)):
            raise InvalidCursorError
        if body[0] != _VERSION:
            raise InvalidCursorError
        return Position(after_id=str(uuid.UUID(bytes=body[4:])), page=int.from_bytes(body[1:4]))

    def _tag(self, body: bytes, user_id: str, list_name: str) -> bytes:
        # Unambiguous, since the body has a fixed length and no name contains a line break.
        message = body + f"{user_id}\n{list_name}".encode()
        return hmac.digest(self._key(), message, hashlib.sha256)[:16]
