"""A world of dreams that the handlers serve."""

import pytest

from dreamvision.history import History
from dreamvision.tables.database import Database
from dreamvision.views import Views
from dreamvision.watching import Watching
from tests.integration.dream_world import DreamWorld


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> DreamWorld:
    """One that is empty."""
    found = DreamWorld(database)
    monkeypatch.setattr(Database, "shared", lambda: database)
    monkeypatch.setattr(Views, "shared", lambda: found.views)
    monkeypatch.setattr(History, "shared", lambda: found.history)
    monkeypatch.setattr(Watching, "shared", lambda: found.watching)
    return found
