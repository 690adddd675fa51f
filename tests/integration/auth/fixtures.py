"""The fixtures of the accounts' tests."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from dreamvision.auth.tokens import IdentitySettings, TokenVerifier
from dreamvision.database.client import Database
from tests.fakes.cognito import CLIENT_ID, POOL_ID
from tests.integration.auth.world import AuthApi, Tables, World


@pytest.fixture(scope="module")
def made_tables() -> Iterator[Tables]:
    """The tables, with the keys that template.yaml gives them: making them takes half a second."""
    with mock_aws():
        yield Tables()


@pytest.fixture(name="tables")
def _tables(made_tables: Tables) -> Tables:
    return made_tables.empty()


@pytest.fixture
def auth(service: World, monkeypatch: pytest.MonkeyPatch) -> AuthApi:
    """The function, set up with this service."""
    settings = IdentitySettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID, aws_region="eu-central-1")
    verifier = TokenVerifier(settings, fetch_keys=service.cognito.issuer.jwks)
    monkeypatch.setattr(Database, "shared", lambda: service.database)
    monkeypatch.setattr(TokenVerifier, "shared", lambda: verifier)
    return AuthApi(service)


@pytest.fixture
def service(tables: Tables) -> World:
    """A service without users that confirms new ones at once."""
    return World(tables)
