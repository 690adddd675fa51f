"""moto for integration tests: ``database`` has the tables of template.yaml."""

from collections.abc import Iterator

import pytest

from dreamvision.database.client import Database
from tests.fakes.aws import ENVIRONMENT, aws
from tests.fakes.quick_moto import quick_moto
from tests.fakes.stale_replica import StaleReplica
from tests.integration.ministack import ministack, ministack_url  # noqa: F401 - fixtures


@pytest.fixture(scope="session", autouse=True)
def _quick_moto() -> Iterator[None]:
    with quick_moto():
        yield


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with aws() as found:
        yield found


@pytest.fixture
def replica(database: Database) -> StaleReplica:
    """What eventually consistent reads of ``database`` return from now on."""
    return StaleReplica(database)
