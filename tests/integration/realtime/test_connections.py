"""Registering, limiting, expiring and closing connections."""

import pytest

from dreamvision.realtime.connections import MAX_CONNECTIONS, TooManyConnectionsError
from dreamvision.realtime.repository import LIFETIME_SECONDS
from tests.fakes.streams import guard_record
from tests.integration.realtime.fixtures import LUNA, SOL, RealtimeBackend


def test_a_connection_expires_after_its_longest_lifetime(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    (row,) = backend.database.client.scan(TableName="ConnectionsTable")["Items"]
    assert int(str(row["expires_at"])) == int(backend.clock().timestamp()) + LIFETIME_SECONDS
    assert LIFETIME_SECONDS == 2 * 3600 + 600
    backend.clock.advance(hours=2, minutes=10, seconds=1)
    assert backend.connection_ids(LUNA) == set()


def test_the_twenty_first_connection_is_refused(backend: RealtimeBackend) -> None:
    for number in range(MAX_CONNECTIONS):
        backend.connect(LUNA, f"c{number}")
    with pytest.raises(TooManyConnectionsError):
        backend.connect(LUNA, "one-more")
    assert "one-more" not in backend.connection_ids(LUNA)
    assert len(backend.connection_ids(LUNA)) == MAX_CONNECTIONS
    backend.connect(SOL, "his")


def test_stale_connections_make_room(backend: RealtimeBackend) -> None:
    for number in range(MAX_CONNECTIONS):
        backend.connect(LUNA, f"c{number}")
    backend.clock.advance(minutes=1)
    backend.sockets.gone |= {"c3", "c4"}
    backend.connect(LUNA, "one-more")
    assert backend.connection_ids(LUNA) >= {"one-more", "c0"}
    assert not backend.connection_ids(LUNA) & {"c3", "c4"}


def test_logging_out_closes_the_sessions_connections(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone", session="lost")
    backend.connect(LUNA, "tablet", session="kept")
    backend.connect(SOL, "other", session="lost")
    backend.sessions.revoke(LUNA, "lost")
    assert backend.manager.close_revoked(LUNA) == 1
    assert backend.sockets.closed == ["phone"]
    assert (backend.connection_ids(LUNA), backend.connection_ids(SOL)) == ({"tablet"}, {"other"})


def test_logging_out_everywhere_closes_all_connections(backend: RealtimeBackend) -> None:
    for number in range(3):
        backend.connect(LUNA, f"c{number}", session=f"s{number}")
    backend.sessions.revoke_all(LUNA)
    assert backend.manager.close_revoked(LUNA) == 3
    assert backend.connection_ids(LUNA) == set()


def test_users_are_read_from_session_guards_only() -> None:
    from dreamvision.realtime.stream import users_of_sessions

    records = [guard_record(f"sessions#{LUNA}"), guard_record(f"rate#{SOL}#17"), guard_record(f"sessions#{LUNA}")]
    assert users_of_sessions(records) == {LUNA}
