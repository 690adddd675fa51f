"""moto for integration tests: ``database`` has the tables of template.yaml."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from moto.core.serialize import ResponseSerializer

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


@pytest.fixture(scope="session", autouse=True)
def _attributes_are_read_by_their_names() -> Iterator[None]:
    """Have moto read an attribute's value by the name of its type: it tries several spellings of each of ten types."""
    by_any_spelling = ResponseSerializer.get_value

    def get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
        if isinstance(value, dict) and shape.parent.name == "AttributeValue":
            return value.get(key)
        return by_any_spelling(serializer, value, key, shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResponseSerializer, "get_value", get_value)
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
