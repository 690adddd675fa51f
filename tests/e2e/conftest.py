"""One local stack for all e2e tests of a worker: its own ports, its own folder, IAM enforced, real HTTP.

A stack that ``make up`` left running is never touched. What was built is shared with it, since building is the same.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.e2e.client import ControlPlane, User, register
from tests.e2e.secrets_recorder import SecretsRecorder

# Quick providers, and waits that do not dominate the run.
RENDER_SECONDS = 1.0
CLAUDE_SECONDS = 0.1
PARAMETERS = {"PollFirstWait": "1", "PollInterval": "1", "PollDeadline": "35", "EraseGrace": "3"}
# All users of the tests come from one address, and some of them make many videos.
PARAMETERS |= {
    "AuthRateLimitPerMinute": "100000",
    "FreeVideosPerDay": "1000",
    "FreeConcurrentVideos": "100",
    "ServiceVideosPerDay": "100000",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stack is restarted before much has been started, and the logs are looked through at the end.

    Sorting keeps the order of the others.
    """
    items.sort(key=lambda item: {"test_stack.py": 0, "test_zz_logs.py": 2}.get(item.path.name, 1))


def free_ports(count: int) -> int:
    """The first of ``count`` free ports in a row."""
    for first in range(24_000 + os.getpid() % 500 * 8, 60_000, count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class StackCommand:
    """``python -m local`` with the settings of the tests' stack."""

    def __init__(self, worker: str) -> None:
        self.folder = REPOSITORY / ".local" / f"tests-{worker}"
        self.port = free_ports(6)
        steering = ("AWS_", "ANTHROPIC_", "RUNWAYML_", "SANDBOX_", "LOCAL_", "PARAMETERS", "DREAM")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(steering)},
            "LOCAL_PORT": str(self.port),
            "LOCAL_DIR": str(self.folder),
            "LOCAL_BUILD_DIR": str(REPOSITORY / ".local" / "tests-build"),
            "SANDBOX_RENDER_SECONDS": str(RENDER_SECONDS),
            "SANDBOX_CLAUDE_SECONDS": str(CLAUDE_SECONDS),
            "SANDBOX_REUSE_FILMS": "1",
            "PARAMETERS": " ".join(f"{name}={value}" for name, value in PARAMETERS.items()),
        }

    def run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local", command],
            cwd=REPOSITORY,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "outputs.json").read_text())
        return found


@pytest.fixture(scope="session")
def local(worker_id: str) -> StackCommand:
    """The command for this worker's stack; ``worker_id`` is pytest-xdist's, "master" where there are no workers."""
    return StackCommand(worker_id)


@pytest.fixture(scope="session")
def stack(local: StackCommand) -> Iterator[dict[str, Any]]:
    """``outputs.json`` of a running stack without a past."""
    local.run("reset")
    started = local.run("up")
    if started.returncode != 0:
        pytest.fail(f"the stack did not start:\n{started.stdout}\n{started.stderr}", pytrace=False)
    try:
        yield local.outputs()
    finally:
        local.run("down")


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
