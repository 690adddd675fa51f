"""Cursors: the place in a list where the next page begins, in a form that only we can make.

A cursor is good for the list and the user that it was made for, and for nobody and nothing else. In base64url, without
padding: version (1 byte), number of the page that it begins (3), id of the last row before it (16), and the first 16
bytes of HMAC-SHA256 over all of that, the user and the list.
"""

import base64
import binascii
import hashlib
import hmac
import uuid
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple, Self

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from dreamvision.core.config import Config, ConfigurationError
from dreamvision.core.errors import DreamVisionError

CURSOR_LENGTH: Final = 48
CURSOR_PATTERN: Final = r"^[A-Za-z0-9_-]{48}$"

_VERSION = 1
_BODY_BYTES = 20
_MAX_PAGE = 0xFFFFFF
# The key never changes; a container reads it once in its life.
_SECRET_CACHE_SECONDS = 86_400


class InvalidCursorError(DreamVisionError):
    """Not a cursor of ours, or one of another list or user."""

    default_message = "The cursor is not valid for this list."
    user_message = "See `errors` for the values to correct."
    problem_errors = ({"loc": ["query", "cursor"], "msg": "is not a cursor of this list; start again without one"},)


class CursorSettings(Config):
    """The secret that holds the key."""

    cursor_secret: str


class Position(NamedTuple):
    """Where a page begins: after the row with this id. ``page`` is its number, counted from 1."""

    after_id: str
    page: int


class Cursors:
    """Makes cursors and reads them. ``key`` is asked for when one is needed first."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        settings = CursorSettings.from_environment()
        return cls(lambda: _secret(settings.cursor_secret))

    def make(self, place: Position, *, user_id: str, list_name: str) -> str:
        """The cursor of a place. ``list_name`` has the list and its filters."""
        page = min(place.page, _MAX_PAGE)
        body = bytes([_VERSION]) + page.to_bytes(3) + uuid.UUID(place.after_id).bytes
        return base64.urlsafe_b64encode(body + self._tag(body, user_id, list_name)).decode()

    def read(self, cursor: str, *, user_id: str, list_name: str) -> Position:
        """The place that a cursor stands for.

        Raises:
            InvalidCursorError: it was not made by us for this user and list.
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
        # The body has a fixed length and no name has a line break, so that no two messages read alike.
        message = body + f"{user_id}\n{list_name}".encode()
        return hmac.digest(self._key(), message, hashlib.sha256)[:16]


def _secret(secret_id: str) -> bytes:
    try:
        value = parameters.get_secret(secret_id, max_age=_SECRET_CACHE_SECONDS)
    except GetParameterError:
        raise ConfigurationError("The cursors' key could not be read from Secrets Manager.") from None
    if not isinstance(value, str) or not value:
        raise ConfigurationError("The cursors' key is empty.")
    return value.encode()
