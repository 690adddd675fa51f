"""The one local stack of a test run: its own ports and its own folder, shared by all workers.

A stack that ``make up`` left running is never touched, nor is what was built for it.
"""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from local.settings import REPOSITORY

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


class StackNotStartedError(Exception):
    """The stack did not start; the message is what it said."""


@dataclass(frozen=True)
class Run:
    """A run of pytest with all its workers: who it is, its first process, and the first port of its stack."""

    id: str
    process: int
    port: int

    @classmethod
    def new(cls) -> "Run":
        return cls(uuid4().hex, os.getpid(), _free_ports(6))


def _free_ports(count: int) -> int:
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
    """``python -m local`` with the settings of the tests' stack, and who may use it when."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.folder = REPOSITORY / ".local" / "tests"
        self.port = run.port
        steering = ("AWS_", "ANTHROPIC_", "RUNWAYML_", "SANDBOX_", "LOCAL_", "PARAMETERS", "DREAM")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(steering)},
            "LOCAL_PORT": str(self.port),
            "LOCAL_DIR": str(self.folder),
            "LOCAL_OWNER": str(run.process),
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

    def start_once(self) -> dict[str, Any]:
        """``outputs.json`` of this run's stack, which starts without a past. Of several workers the first starts it.

        Raises:
            StackNotStartedError: it would not start.
        """
        with _held(self.folder / "starting.lock", fcntl.LOCK_EX):
            if not self._is_started():
                self.run("reset")
                started = self.run("up")
                if started.returncode != 0:
                    raise StackNotStartedError(f"the stack did not start:\n{started.stdout}\n{started.stderr}")
                self._mark.write_text(self._run.id)
        return self.outputs()

    def stop(self) -> None:
        """Stop the stack if it is this run's."""
        if self._is_started():
            self.run("down")

    @property
    def _mark(self) -> Path:
        return self.folder / "run"

    def _is_started(self) -> bool:
        return self._mark.exists() and self._mark.read_text() == self._run.id

    @contextmanager
    def used(self, *, alone: bool) -> Iterator[None]:
        """While a test runs: together with those of other workers, or alone.

        Whoever wants to be alone holds the door, so that nobody new comes in, and waits until the others have left.
        """
        mode = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        with _held(self.folder / "door.lock", mode) as door, _held(self.folder / "use.lock", mode):
            if not alone:
                fcntl.flock(door, fcntl.LOCK_UN)
            yield


@contextmanager
def _held(file: Path, mode: int) -> Iterator[TextIO]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, mode)
        yield lock
