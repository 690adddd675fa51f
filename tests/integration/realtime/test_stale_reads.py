"""Connections when every eventually consistent read misses the latest writes."""

import pytest

from dreamvision.core.ids import new_id
from dreamvision.realtime.repository import Connection
from tests.integration.realtime.fixtures import LUNA, RealtimeBackend

pytestmark = pytest.mark.usefixtures("replica")


def _add(backend: RealtimeBackend) -> Connection:
    connection = Connection(
        user_id=LUNA, connection_id=new_id(), session_id="a-session", issued_at=0, connected_at=backend.clock()
    )
    backend.connections.add(connection)
    return connection


def test_a_connection_added_just_now_gets_the_next_event(backend: RealtimeBackend) -> None:
    """The client has seen everything up to its connection by a sync: nothing may be missed in between."""
    connection = _add(backend)
    assert [found.connection_id for found in backend.connections.list_by_user(LUNA)] == [connection.connection_id]


def test_a_connection_added_just_now_is_removed_with_the_account(backend: RealtimeBackend) -> None:
    _add(backend)
    backend.connections.remove_all(LUNA)
    assert backend.connections.list_by_user(LUNA) == []
