"""moto for the tests that ask for it: ``database`` has the tables of template.yaml."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest

from dreamvision.database.client import Database
from tests.fakes.aws import ENVIRONMENT, aws
from tests.integration.ministack import ministack, ministack_url  # noqa: F401 - fixtures


@pytest.fixture(scope="session", autouse=True)
def _service_models_are_read_once() -> Iterator[None]:
    """Every test has a session of boto3 of its own; most of what making one costs is reading botocore's JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with aws() as found:
        yield found
