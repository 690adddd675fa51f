"""The tests' own stack, its users and its operator. IAM is enforced there, and HTTP is real."""

from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import run_of
from tests.e2e.client import ControlPlane, User, register
from tests.e2e.secrets_recorder import SecretsRecorder
from tests.e2e.shared_stack import StackCommand, StackNotStartedError


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stack is restarted before much has been started, and the logs are looked through at the end.

    Sorting keeps the order of the others.
    """
    items.sort(key=lambda item: {"test_stack.py": 0, "test_zz_logs.py": 2}.get(item.path.name, 1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Around a test with all its fixtures: whoever restarts the stack has it alone."""
    with StackCommand(run_of(item.config)).used(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def local(pytestconfig: pytest.Config) -> StackCommand:
    """The command for the tests' stack."""
    return StackCommand(run_of(pytestconfig))


@pytest.fixture(scope="session")
def stack(local: StackCommand) -> dict[str, Any]:
    """``outputs.json`` of a running stack without a past."""
    try:
        return local.start_once()
    except StackNotStartedError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def recorder() -> SecretsRecorder:
    """Keeps what the tests send and get that no log may hold."""
    return SecretsRecorder()


@pytest.fixture(scope="session")
def http(stack: dict[str, Any], recorder: SecretsRecorder) -> Iterator[httpx.Client]:
    """A client of the API without a token."""
    with recorder.client(base_url=stack["api_url"], timeout=45, trust_env=False) as client:
        yield client


@pytest.fixture
def user(http: httpx.Client) -> User:
    """A fresh user, signed in."""
    return register(http)


@pytest.fixture
def other_user(http: httpx.Client) -> User:
    """Somebody else."""
    return register(http)


@pytest.fixture(scope="session")
def control(stack: dict[str, Any]) -> ControlPlane:
    """The stack seen from the operator's side: tables, executions, logs, what the sandboxes were asked."""
    return ControlPlane(stack)
