"""Client messages and their replies."""

import json

import pytest

from dreamvision.core.clock import to_text
from tests.integration.realtime.fixtures import LUNA, RealtimeBackend, replies, sync


def test_ping_is_answered_with_pong(backend: RealtimeBackend) -> None:
    assert replies(backend, '{"action": "ping"}') == [{"type": "pong"}]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("hello", "malformed"),
        ("[]", "malformed"),
        ('"ping"', "malformed"),
        ("null", "malformed"),
        ("[" * 4000, "malformed"),
        ("{}", "unknown_action"),
        ('{"action": null}', "unknown_action"),
        ('{"action": "PING"}', "unknown_action"),
        ('{"action": ["ping"]}', "unknown_action"),
        ('{"action": "sync"}', "invalid_since"),
        ('{"action": "sync", "since": 1795403000}', "invalid_since"),
        ('{"action": "sync", "since": "yesterday"}', "invalid_since"),
        ('{"action": "sync", "since": "2026-11-23T03:04:05"}', "invalid_since"),
        ('{"action": "sync", "since": "2999-01-01T00:00:00Z"}', "invalid_since"),
        ('{"action": "sync", "since": {"$gt": ""}}', "invalid_since"),
        ('{"action": "sync", "since": "\\ud83d"}', "invalid_since"),
        ('{"action": "ping", "x": "' + "y" * 4096 + '"}', "too_large"),
        ("ü" * 2049, "too_large"),
    ],
)
def test_invalid_messages_get_an_error(backend: RealtimeBackend, text: str, code: str) -> None:
    (answer,) = replies(backend, text)
    assert answer["type"] == "error"
    assert answer["code"] == code
    assert answer["message"].endswith(".")


def test_an_internal_error_reveals_nothing(backend: RealtimeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError(f"the secret of {LUNA}")

    monkeypatch.setattr(backend.sync_service, "since", explode)
    (answer,) = sync(backend, backend.clock())
    assert answer["code"] == "unavailable"
    assert LUNA not in json.dumps(answer)


def test_a_client_gone_before_the_reply_is_removed(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    backend.sockets.gone.add("phone")
    assert replies(backend, '{"action": "ping"}') == []
    assert backend.connection_ids(LUNA) == set()


def test_a_revoked_session_gets_no_reply_and_is_closed(backend: RealtimeBackend) -> None:
    caller = backend.connect(LUNA, "phone")
    backend.pending_video(LUNA)
    backend.sessions.revoke(LUNA, "session")
    asked = json.dumps({"action": "sync", "since": to_text(backend.clock())})
    assert replies(backend, asked, caller) == []
    assert backend.sockets.closed == ["phone"]
    assert backend.connection_ids(LUNA) == set()
