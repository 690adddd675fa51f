"""Ctrl-C while a stack starts, on a stack of its own."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.settings import REPOSITORY, Ports
from local.stack.lock import StackLock
from local.stack.processes import require_free
from tests.conftest import run_of
from tests.e2e.client import wait_for
from tests.e2e.shared_stack import StackCommand


@pytest.fixture
def own_stack(pytestconfig: pytest.Config, tmp_path: Path) -> StackCommand:
    """A stack that does not run, without a build."""
    own = StackCommand(run_of(pytestconfig), "tests-interrupted", number=2)
    own.folder = tmp_path
    own.environment["LOCAL_DIR"] = str(tmp_path)
    return own


def interrupt(own: StackCommand, step: str) -> None:
    """Press Ctrl-C when the start has come to a step."""
    log = own.folder / "logs" / "stack.log"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up"], cwd=REPOSITORY, env=own.environment, stdout=subprocess.PIPE, text=True
    )
    wait_for(lambda: log.read_text() if log.exists() else "", lambda text: step in text)
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert "Stopped" in shown
    require_free(Ports(own.port))
    assert StackLock(own.folder).holder() is None


def test_a_build_can_be_interrupted(own_stack: StackCommand) -> None:
    interrupt(own_stack, "Installing the Lambda runtime")


def test_a_start_can_be_interrupted_at_any_step_and_repeated(
    own_stack: StackCommand, local: StackCommand, stack: dict[str, Any]
) -> None:
    (own_stack.folder / "build").symlink_to(local.folder / "build")
    for step in ("Starting the AWS emulator", "Deploying template.yaml", "Configuring API routes", "Starting the web"):
        interrupt(own_stack, step)
    try:
        started = own_stack.run("up")
        assert started.returncode == 0, started.stderr
    finally:
        own_stack.run("down")
