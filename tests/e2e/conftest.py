"""The shared stack, its users and its operator. IAM is enforced there, and HTTP is real."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import run_of, secrets_of
from tests.e2e.browser import Browser, opened
from tests.e2e.client import ControlPlane, User, register
from tests.e2e.secrets_recorder import SecretsRecorder
from tests.e2e.shared_stack import StackCommand, StackNotStartedError


@pytest.fixture(scope="session")
def local(pytestconfig: pytest.Config) -> StackCommand:
    """The command for the shared stack."""
    return StackCommand(run_of(pytestconfig))


@pytest.fixture(scope="session")
def stack(local: StackCommand) -> dict[str, Any]:
    """``outputs.json`` of the shared stack, which the first test of the run that needs it starts."""
    try:
        return local.start_once()
    except StackNotStartedError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def recorder(pytestconfig: pytest.Config) -> SecretsRecorder:
    """Records what the tests send and receive that no log may hold; the logs are checked after the last test."""
    return SecretsRecorder(secrets_of(pytestconfig))


@pytest.fixture(scope="session")
def http(stack: dict[str, Any], recorder: SecretsRecorder) -> Iterator[httpx.Client]:
    """A client of the API without a token."""
    with recorder.client(base_url=stack["api_url"], timeout=45, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests of a worker, which close their tabs and clear what they stored."""
    # A quarter of the pixels, which without a graphics card cost processor time; the layout is the same.
    with opened(tmp_path_factory.mktemp("browser"), "--force-device-scale-factor=0.5") as found:
        yield found


@pytest.fixture
def user(http: httpx.Client) -> User:
    """A fresh user, signed in."""
    return register(http)


@pytest.fixture
def other_user(http: httpx.Client) -> User:
    """A second fresh user, signed in."""
    return register(http)


@pytest.fixture(scope="session")
def control(stack: dict[str, Any]) -> ControlPlane:
    """The operator's view of the stack: tables, executions, logs, the sandboxes' request logs."""
    return ControlPlane(stack)
