"""A world of dreams that the handlers serve."""

import pytest

from dreamvision.database.client import Database
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import Presenter
from dreamvision.queries.videos import VideoQueries
from dreamvision.videos.service import VideoService
from tests.integration.dreams.world import LUNA, STELLA, DreamWorld
from tests.integration.erasure.fixtures import LUNAS_EMAIL, LUNAS_NAME, STELLAS_EMAIL, STELLAS_NAME, ErasureWorld


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> DreamWorld:
    """One that is empty."""
    found = DreamWorld(database)
    monkeypatch.setattr(Database, "shared", lambda: database)
    monkeypatch.setattr(Presenter, "shared", lambda: found.views)
    monkeypatch.setattr(DreamQueries, "shared", lambda: found.history)
    monkeypatch.setattr(VideoQueries, "shared", lambda: found.watching)
    monkeypatch.setattr(VideoService, "shared", lambda: found.service)
    return found


@pytest.fixture
def erasure(world: DreamWorld, monkeypatch: pytest.MonkeyPatch) -> ErasureWorld:
    """Luna and Stella, who have dreams or not, and what erases them."""
    found = ErasureWorld(world, monkeypatch)
    found.user(LUNA, LUNAS_EMAIL, LUNAS_NAME)
    found.user(STELLA, STELLAS_EMAIL, STELLAS_NAME)
    return found
