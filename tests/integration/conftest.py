"""moto for the tests that ask for it: ``database`` has the tables of template.yaml."""

from collections.abc import Iterator

import pytest

from dreamvision.tables.database import Database
from tests.fakes.aws import ENVIRONMENT, aws
from tests.integration.emulator import emulated, emulator  # noqa: F401 - fixtures


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with aws() as found:
        yield found
