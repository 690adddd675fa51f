"""The fixtures of the queries' tests."""

import pytest

from tests.fakes.http_api import HttpFunction
from tests.integration.dreams.fixtures import DreamBackend, backend  # noqa: F401 - fixtures


@pytest.fixture
def videos(backend: DreamBackend) -> HttpFunction:  # noqa: F811 - the fixture
    return HttpFunction("api/videos")
