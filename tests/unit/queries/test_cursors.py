"""Cursors: opaque, signed, and bound to the user and the list."""

import base64
from collections.abc import Iterator

import pytest

from dreamvision.core.config import ConfigurationError
from dreamvision.core.ids import new_id
from dreamvision.queries.cursors import CURSOR_LENGTH, Cursors, InvalidCursorError, Position
from tests.fakes.secrets import StoredSecrets, store

_CURSORS = Cursors(lambda: b"the key")
_LIST = "dreams flight"

_ID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
# Made by hand: 01, 000007, the id, then the first 16 bytes of HMAC-SHA256, keyed with "the key", over these 20 bytes
# and "luna\ndreams flight"; in base64url. Clients keep cursors across deploys.
_GOLDEN = "AQAABwGarjx-G3w6mx5dL4psThDjq43fGUCiR3lcPZGHswMh"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoredSecrets]:
    """Let ``Cursors.shared`` read its key from the secret in this dictionary."""
    secret = store(monkeypatch)
    secret["cursor-secret"] = "the key"
    monkeypatch.setenv("CURSOR_SECRET", "cursor-secret")
    Cursors.shared.cache_clear()
    yield secret
    Cursors.shared.cache_clear()


def test_the_format_does_not_change(shared: StoredSecrets) -> None:
    position = Position(_ID, 7)
    for cursors in (_CURSORS, Cursors.shared()):
        assert cursors.make(position, user_id="luna", list_name=_LIST) == _GOLDEN
        assert cursors.read(_GOLDEN, user_id="luna", list_name=_LIST) == position


@pytest.mark.parametrize("empty", ["", " \n"])
def test_without_a_key_no_cursor_is_made_or_read(shared: StoredSecrets, empty: str) -> None:
    """Anybody can sign with an empty key."""
    forged = Cursors(lambda: b"").make(Position(_ID, 7), user_id="luna", list_name=_LIST)
    shared["cursor-secret"] = empty
    with pytest.raises(ConfigurationError):
        Cursors.shared().make(Position(_ID, 7), user_id="luna", list_name=_LIST)
    with pytest.raises(ConfigurationError):
        Cursors.shared().read(forged, user_id="luna", list_name=_LIST)


def test_a_cursor_round_trips() -> None:
    place = Position(new_id(), 7)

    cursor = _CURSORS.make(place, user_id="luna", list_name=_LIST)

    assert len(cursor) == CURSOR_LENGTH
    assert _CURSORS.read(cursor, user_id="luna", list_name=_LIST) == place


def test_the_page_number_stops_before_it_overflows() -> None:
    cursor = _CURSORS.make(Position(new_id(), 2**24), user_id="luna", list_name=_LIST)

    assert _CURSORS.read(cursor, user_id="luna", list_name=_LIST).page == 2**24 - 1


@pytest.mark.parametrize(
    ("user_id", "list_name", "key"),
    [("stella", _LIST, b"the key"), ("luna", "dreams all", b"the key"), ("luna", _LIST, b"another key")],
)
def test_a_cursor_of_another_user_list_or_deployment_is_rejected(user_id: str, list_name: str, key: bytes) -> None:
    cursor = Cursors(lambda: key).make(Position(new_id(), 2), user_id=user_id, list_name=list_name)

    with pytest.raises(InvalidCursorError):
        _CURSORS.read(cursor, user_id="luna", list_name=_LIST)


def test_a_tampered_cursor_is_rejected() -> None:
    cursor = _CURSORS.make(Position(new_id(), 2), user_id="luna", list_name=_LIST)

    for position, character in enumerate(cursor):
        changed = cursor[:position] + ("B" if character == "A" else "A") + cursor[position + 1 :]
        with pytest.raises(InvalidCursorError):
            _CURSORS.read(changed, user_id="luna", list_name=_LIST)


@pytest.mark.parametrize("text", ["", "=", "x" * 48, "x" * 44, "é" * 48, "A" * 49, "A" * 4096, "\ud800" * 48])
def test_malformed_cursors_are_rejected(text: str) -> None:
    with pytest.raises(InvalidCursorError):
        _CURSORS.read(text, user_id="luna", list_name=_LIST)


def test_a_position_has_one_encoding() -> None:
    cursor = _CURSORS.make(Position(new_id(), 2), user_id="luna", list_name=_LIST)

    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(cursor)).decode() == cursor
    for spelling in (f"{cursor}=", f" {cursor}", f"{cursor}\n", cursor + cursor):
        with pytest.raises(InvalidCursorError):
            _CURSORS.read(spelling, user_id="luna", list_name=_LIST)
