"""The limit of WebSocket handshakes per user."""

import pytest

from dreamvision.database.client import Database
from dreamvision.limits.handshakes import HANDSHAKES_PER_MINUTE, Handshakes, TooManyHandshakesError
from dreamvision.limits.repository import LimitsRepository
from tests.fakes.capacity import Meter

LUNA, OMAR = "luna", "omar"


@pytest.fixture
def now() -> list[float]:
    return [1_790_000_000.0]


@pytest.fixture
def handshakes(database: Database, now: list[float]) -> Handshakes:
    return Handshakes(LimitsRepository(database), lambda: now[0])


def test_a_user_cannot_open_connections_without_end(handshakes: Handshakes, now: list[float]) -> None:
    for _ in range(HANDSHAKES_PER_MINUTE):
        handshakes.count(LUNA)
    for _ in range(3):
        with pytest.raises(TooManyHandshakesError):
            handshakes.count(LUNA)
    # Another user, and the next minute, are not affected.
    handshakes.count(OMAR)
    now[0] += 60
    handshakes.count(LUNA)


def test_a_refused_handshake_writes_nothing(database: Database, handshakes: Handshakes) -> None:
    for _ in range(HANDSHAKES_PER_MINUTE):
        handshakes.count(LUNA)
    meter = Meter(database)
    with pytest.raises(TooManyHandshakesError):
        handshakes.count(LUNA)
    assert (meter.writes, meter.read_units) == ([], 0.5)
