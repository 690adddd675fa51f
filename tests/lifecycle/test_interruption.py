"""Ctrl-C while a stack starts."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local.settings import REPOSITORY, Ports
from local.stack.lock import StackLock
from local.stack.processes import require_free
from tests.e2e.client import wait_for
from tests.e2e.shared_stack import StackCommand


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let child processes be interrupted also if this one, started in the background, ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(own: StackCommand, step: str) -> None:
    """Press Ctrl-C when the start has come to a step."""
    log = own.folder / "logs" / "stack.log"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "local", "up"], cwd=REPOSITORY, env=own.environment, stdout=subprocess.PIPE, text=True
    )
    # The step may come after a build.
    wait_for(lambda: log.read_text() if log.exists() else "", lambda text: step in text, seconds=300)
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert "Stopped" in shown
    require_free(Ports(own.port))
    assert StackLock(own.folder).holder() is None


def test_a_build_can_be_interrupted(own_stack: StackCommand) -> None:
    interrupt(own_stack, "Installing the Lambda runtime")


def test_a_start_can_be_interrupted_at_any_step_and_repeated(built_stack: StackCommand) -> None:
    for step in ("Starting the AWS emulator", "Deploying template.yaml", "Configuring API routes", "Starting the web"):
        interrupt(built_stack, step)
    try:
        started = built_stack.run("up")
        assert started.returncode == 0, started.stderr
    finally:
        built_stack.run("down")
