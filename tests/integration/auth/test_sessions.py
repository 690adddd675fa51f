"""The record of revoked sessions."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dreamvision.auth.sessions import MAX_REVOKED_SESSIONS
from dreamvision.auth.tokens import UnauthenticatedError
from tests.integration.auth.fixtures import AccountBackend

_USER = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"
_DAY = 24 * 3600


def _is_open(backend: AccountBackend, session_id: str, issued_at: float | None = None, user_id: str = _USER) -> bool:
    try:
        backend.sessions.require_active(user_id, session_id, int(backend.clock() if issued_at is None else issued_at))
    except UnauthenticatedError:
        return False
    return True


def test_a_session_is_active_until_it_is_revoked(backend: AccountBackend) -> None:
    assert _is_open(backend, "one")

    backend.sessions.revoke(_USER, "one")

    assert not _is_open(backend, "one")
    assert _is_open(backend, "two")
    assert _is_open(backend, "one", user_id="another user")


def test_revoking_twice_is_harmless(backend: AccountBackend) -> None:
    backend.sessions.revoke(_USER, "one")
    backend.sessions.revoke(_USER, "one")

    assert not _is_open(backend, "one")


def test_revoking_all_covers_tokens_issued_until_now_despite_clock_skew(backend: AccountBackend) -> None:
    backend.sessions.revoke_all(_USER)

    assert not _is_open(backend, "before", backend.clock() - 3600)
    assert not _is_open(backend, "now")
    assert not _is_open(backend, "clock of Cognito", backend.clock() + 2)
    assert _is_open(backend, "later", backend.clock() + 3)


def test_a_session_started_after_revoking_all_is_active(backend: AccountBackend) -> None:
    backend.sessions.revoke_all(_USER)
    backend.sessions.start(_USER, "new", int(backend.clock()))
    assert _is_open(backend, "new")
    assert not _is_open(backend, "old")

    backend.sessions.revoke(_USER, "new")
    assert not _is_open(backend, "new")


def test_revoking_all_again_revokes_a_newer_session(backend: AccountBackend) -> None:
    backend.sessions.revoke_all(_USER)
    backend.sessions.start(_USER, "new", int(backend.clock()))

    backend.sessions.revoke_all(_USER)

    assert not _is_open(backend, "new")


def test_starting_a_session_usually_writes_nothing(backend: AccountBackend) -> None:
    backend.sessions.start(_USER, "new", int(backend.clock()))

    assert backend.items("guards") == []


def test_revoked_sessions_are_stored_while_they_could_be_refreshed(backend: AccountBackend) -> None:
    # GIVEN a revoked session, and others that were revoked later
    backend.sessions.revoke(_USER, "first")
    backend.clock.advance(7 * _DAY)
    backend.sessions.revoke(_USER, "second")
    assert not _is_open(backend, "first")

    # WHEN no token of the first can be valid any more
    backend.clock.advance(_DAY)
    backend.sessions.revoke(_USER, "third")

    # THEN its entry is removed, so that the item stays small
    (item,) = backend.items("guards")
    assert {entry.split(" ")[1] for entry in item["sessions"]} == {"second", "third"}


def _revoke_one_that_removes_another(backend: AccountBackend) -> None:
    backend.sessions.revoke(_USER, "first")
    backend.clock.advance(8 * _DAY)
    backend.sessions.revoke(_USER, "second")


def _start_after_revoking_all(backend: AccountBackend) -> None:
    backend.sessions.revoke_all(_USER)
    backend.clock.advance(1)
    backend.sessions.start(_USER, "new", int(backend.clock()))


def _unblock(backend: AccountBackend) -> None:
    backend.sessions.block(_USER)
    backend.clock.advance(_DAY)
    backend.sessions.unblock(_USER)


_LAST_TOKEN_EXPIRES = 7 * _DAY + 3600 + 300
"""A session can be refreshed for seven days, its last access token is valid for an hour, and clocks differ."""


@pytest.mark.parametrize(
    ("change", "lifetime"),
    [
        (lambda backend: backend.sessions.revoke(_USER, "one"), _LAST_TOKEN_EXPIRES),
        (_revoke_one_that_removes_another, _LAST_TOKEN_EXPIRES),
        (_start_after_revoking_all, _LAST_TOKEN_EXPIRES),
        (lambda backend: backend.sessions.revoke_all(_USER), _LAST_TOKEN_EXPIRES),
        (lambda backend: backend.sessions.block(_USER), _LAST_TOKEN_EXPIRES),
        (_unblock, _LAST_TOKEN_EXPIRES),
        (lambda backend: backend.sessions.revoke_permanently(_USER), 3600 + 300),
    ],
    ids=["revoke", "remove", "start", "revoke all", "block", "unblock", "erase"],
)
def test_every_change_keeps_the_record_until_the_last_token_has_expired_and_no_longer(
    backend: AccountBackend, change: Callable[[AccountBackend], None], lifetime: int
) -> None:
    change(backend)

    (item,) = backend.items("guards")
    assert item["expires_at"] == int(backend.clock()) + lifetime


def test_an_expired_entry_is_kept_until_the_last_second(backend: AccountBackend) -> None:
    backend.sessions.revoke(_USER, "first")
    backend.clock.advance(_LAST_TOKEN_EXPIRES)
    backend.sessions.revoke(_USER, "second")
    (item,) = backend.items("guards")
    assert len(item["sessions"]) == 2
    backend.clock.advance(1)
    backend.sessions.revoke(_USER, "second")
    (item,) = backend.items("guards")
    assert {entry.split(" ")[1] for entry in item["sessions"]} == {"second"}


def test_a_user_with_too_many_revoked_sessions_has_none_left(backend: AccountBackend) -> None:
    # GIVEN as many revoked sessions as are stored
    for number in range(MAX_REVOKED_SESSIONS):
        backend.sessions.revoke(_USER, f"session-{number:028}")
    assert not _is_open(backend, f"session-{0:028}")
    assert _is_open(backend, "other")

    # WHEN one more is revoked
    backend.sessions.revoke(_USER, "last")

    # THEN all are, and the item is small again
    for session in ("last", f"session-{0:028}", "other"):
        assert not _is_open(backend, session)
    (item,) = backend.items("guards")
    assert "sessions" not in item
    backend.clock.advance(3)
    assert _is_open(backend, "new")


def test_expired_entries_do_not_count(backend: AccountBackend) -> None:
    for number in range(MAX_REVOKED_SESSIONS):
        backend.sessions.revoke(_USER, f"session-{number}")
    backend.clock.advance(8 * _DAY)

    backend.sessions.revoke(_USER, "one")

    assert _is_open(backend, "other", backend.clock())


def test_a_sign_out_works_although_the_item_is_full(backend: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an item of DynamoDB's maximum size, 400 KB, from before there was a limit. moto has another maximum
    update = backend.database.client.update_item

    def full(**request: Any) -> Any:
        if "ADD sessions" in request["UpdateExpression"]:
            message = "Item size to update has exceeded the maximum allowed size"
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "UpdateItem")
        return update(**request)

    monkeypatch.setattr(backend.database.client, "update_item", full)

    backend.sessions.revoke(_USER, "session")

    assert not _is_open(backend, "session")


@pytest.mark.parametrize("change", ["revoke_all", "block", "unblock"])
def test_what_revokes_every_session_leaves_no_single_one_in_the_record(backend: AccountBackend, change: str) -> None:
    """No exception survives a block, and a request reads a small item."""
    backend.sessions.revoke_all(_USER)
    backend.sessions.start(_USER, "new", int(backend.clock()))
    backend.sessions.revoke(_USER, "one")
    if change == "unblock":
        backend.sessions.block(_USER)
        backend.sessions.start(_USER, "newer", int(backend.clock()))
        backend.sessions.unblock(_USER)
    else:
        getattr(backend.sessions, change)(_USER)

    (item,) = backend.items("guards")
    assert set(item) - {"blocked"} == {"guard", "all_until", "expires_at"}
    assert ("blocked" in item) == (change == "block")
    assert not _is_open(backend, "new")
    assert not _is_open(backend, "newer")
