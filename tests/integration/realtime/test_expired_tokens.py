"""A connection does not outlive the access token that opened it."""

import pytest

from dreamvision.auth.tokens import AccessClaims
from dreamvision.core.clock import to_text
from dreamvision.realtime.gateway import ConnectionUnavailableError
from tests.integration.realtime.fixtures import LUNA, RealtimeBackend, replies

_RECONNECT = {"type": "reconnect", "code": 4001}


def _after_an_hour(backend: RealtimeBackend) -> AccessClaims:
    """Connect a phone and a tablet, of which only the tablet has a new token an hour later."""
    phone = backend.connect(LUNA, "phone")
    backend.clock.advance(hours=1, seconds=5)
    backend.manager.register(phone._replace(expires_at=phone.expires_at + 3600), "tablet")
    return phone


def test_nothing_is_pushed_after_the_token_has_expired(backend: RealtimeBackend) -> None:
    _after_an_hour(backend)
    records = backend.records_of(lambda: backend.pending_video(LUNA))

    assert backend.broadcaster.broadcast(records) == set()

    assert backend.sockets.sent("phone") == [_RECONNECT]
    assert backend.sockets.closed == ["phone"]
    assert [message["type"] for message in backend.sockets.sent("tablet")] == ["video.updated"]
    assert backend.connection_ids(LUNA) == {"tablet"}


@pytest.mark.parametrize("action", ["sync", "ping", "unknown"])
def test_no_message_is_answered_after_the_token_has_expired(backend: RealtimeBackend, action: str) -> None:
    phone = _after_an_hour(backend)
    backend.pending_video(LUNA)

    text = f'{{"action": "{action}", "since": "{to_text(backend.clock())}"}}'
    assert replies(backend, text, phone) == [_RECONNECT]

    assert backend.sockets.closed == ["phone"]
    assert backend.connection_ids(LUNA) == {"tablet"}


def test_a_connection_that_is_gone_is_only_removed(backend: RealtimeBackend) -> None:
    phone = _after_an_hour(backend)
    backend.sockets.gone.add("phone")

    assert replies(backend, '{"action": "ping"}', phone) == []
    assert backend.connection_ids(LUNA) == {"tablet"}


def test_an_unreachable_connection_is_closed_by_the_next_push(backend: RealtimeBackend) -> None:
    phone = _after_an_hour(backend)
    backend.sockets.unreachable.add("phone")
    records = backend.records_of(lambda: backend.pending_video(LUNA))

    # It neither receives the change nor delays it for others.
    assert backend.broadcaster.broadcast(records) == set()
    assert backend.connection_ids(LUNA) == {"phone", "tablet"}
    with pytest.raises(ConnectionUnavailableError):
        replies(backend, '{"action": "ping"}', phone)

    backend.sockets.unreachable.clear()
    assert backend.broadcaster.broadcast(records) == set()
    assert backend.sockets.sent("phone") == [_RECONNECT]


def test_a_row_without_an_expiry_is_left_open(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    backend.database.client.update_item(
        TableName="ConnectionsTable",
        Key={"user_id": LUNA, "connection_id": "phone"},
        UpdateExpression="REMOVE #exp",
        ExpressionAttributeNames={"#exp": "exp"},
    )
    backend.clock.advance(hours=1, seconds=5)
    records = backend.records_of(lambda: backend.pending_video(LUNA))

    assert backend.broadcaster.broadcast(records) == set()
    assert [message["type"] for message in backend.sockets.sent("phone")] == ["video.updated"]
