"""One local stack for all e2e tests: its own ports, its own folder, IAM enforced, real HTTP.

A stack that ``make up`` left running is never touched. What was built is shared with it, since building is the same.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.e2e.client import ControlPlane, User, register

# Quick providers, and waits that do not dominate the run.
RENDER_SECONDS = 1.0
CLAUDE_SECONDS = 0.1
PARAMETERS = {"PollFirstWait": "1", "PollInterval": "1", "PollDeadline": "25"}


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


@pytest.fixture(scope="session")
def stack() -> Iterator[dict[str, Any]]:
    """``outputs.json`` of a running stack."""
    folder = REPOSITORY / ".local" / "tests"
    shutil.rmtree(folder / "state", ignore_errors=True)
    shutil.rmtree(folder / "sandbox", ignore_errors=True)
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "ANTHROPIC_", "RUNWAYML_"))
        },
        "LOCAL_PORT": str(free_ports(4)),
        "LOCAL_DIR": str(folder),
        "SANDBOX_RENDER_SECONDS": str(RENDER_SECONDS),
        "SANDBOX_CLAUDE_SECONDS": str(CLAUDE_SECONDS),
        "PARAMETERS": " ".join(f"{name}={value}" for name, value in PARAMETERS.items()),
    }
    command = [sys.executable, "-m", "local"]
    started = subprocess.run(
        [*command, "up"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if started.returncode != 0:
        pytest.fail(f"the stack did not start:\n{started.stdout}\n{started.stderr}", pytrace=False)
    try:
        yield json.loads((folder / "outputs.json").read_text())
    finally:
        subprocess.run([*command, "down"], cwd=REPOSITORY, env=environment, check=True, capture_output=True)


@pytest.fixture(scope="session")
def http(stack: dict[str, Any]) -> Iterator[httpx.Client]:
    """A client of the API without a token."""
    with httpx.Client(base_url=stack["api_url"], timeout=45, trust_env=False) as client:
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
