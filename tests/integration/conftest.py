"""moto for integration tests: ``database`` has the tables of template.yaml."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from dreamvision.database.client import Database
from tests.fakes.aws import ENVIRONMENT, aws
from tests.fakes.stale_replica import StaleReplica
from tests.integration.ministack import ministack, ministack_url  # noqa: F401 - fixtures


@pytest.fixture(scope="session", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Cache botocore's service models: every test creates a boto3 session, whose cost is mostly reading JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
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
