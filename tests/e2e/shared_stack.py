"""Local stacks for tests: ports and folders of their own, settings that keep waits short.

A stack that ``make up`` left running is never touched, nor is what was built for it.
"""

import fcntl
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from local.settings import REPOSITORY

# Quick providers, and waits that do not dominate the run.
RENDER_SECONDS = 1.0
CLAUDE_SECONDS = 0.1
PARAMETERS = {"PollFirstWait": "1", "PollInterval": "1", "PollDeadline": "35", "EraseGrace": "3"}
# All users of the tests share one address, and some of them create many videos.
PARAMETERS |= {
    "AuthRateLimitPerMinute": "100000",
    "FreeVideosPerDay": "1000",
    "FreeConcurrentVideos": "100",
    "ServiceVideosPerDay": "100000",
    "FreeAnalysesPerDay": "1000",
    "ServiceAnalysesPerDay": "100000",
    "RegistrationsPerAddress": "100000",
}
_PORTS_PER_STACK = 6


class StackNotStartedError(Exception):
    """The stack did not start; the message is its output."""


@dataclass(frozen=True)
class Run:
    """A run of pytest with all its workers: its id, its first process, and the first port of its stacks."""

    id: str
    process: int
    port: int

    @classmethod
    def new(cls) -> "Run":
        return cls(uuid4().hex, os.getpid(), _free_ports(2 * _PORTS_PER_STACK))


def _free_ports(count: int) -> int:
    """Return the first of ``count`` consecutive free ports."""
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
    """``python -m local`` with the settings of a stack for tests. By default it is the one that all workers share."""

    def __init__(self, run: Run, folder: Path = REPOSITORY / ".local" / "tests", number: int = 0) -> None:
        self._run = run
        self.folder = folder
        self.port = run.port + number * _PORTS_PER_STACK
        steering = ("AWS_", "ANTHROPIC_", "RUNWAYML_", "EXPO_", "SANDBOX_", "LOCAL_", "PARAMETERS", "DREAM")
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
        # Only the shared stack records: the other one shows that functions run without the wrapper as well.
        self.recorded_calls = self.folder / "recorded-calls.jsonl"
        if number == 0:
            self.environment["LOCAL_FUNCTION_WRAPPER"] = str(self.folder / "record-calls")

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

    def start(self) -> dict[str, Any]:
        """Start the stack without data and return its ``outputs.json``.

        Raises:
            StackNotStartedError: the stack did not start.
        """
        self.run("reset")
        self._write_wrapper()
        started = self.run("up")
        if started.returncode != 0:
            raise StackNotStartedError(f"the stack did not start:\n{started.stdout}\n{started.stderr}")
        return self.outputs()

    def start_once(self) -> dict[str, Any]:
        """Start the run's shared stack, unless another worker has started it, and return its ``outputs.json``.

        Raises:
            StackNotStartedError: the stack did not start.
        """
        with _locked(self.folder / "starting.lock"):
            if not self.is_started():
                self.start()
                self._mark.write_text(self._run.id)
        return self.outputs()

    def is_started(self) -> bool:
        """Return whether the stack in the folder was started by this run."""
        return self._mark.exists() and self._mark.read_text() == self._run.id

    def stop(self) -> None:
        """Stop the stack if this run started it."""
        if self.is_started():
            self.run("down")

    def _write_wrapper(self) -> None:
        """Write the program that starts the functions, which replaces the runtime client by one that records calls.

        Its arguments are ``python -I -S start.py <socket> awslambdaric <handler>``.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.recorded_calls.write_text("")
        wrapper = self.folder / "record-calls"
        wrapper.write_text(
            "#!/bin/sh\n"
            f"export RECORDED_CALLS={shlex.quote(str(self.recorded_calls))}\n"
            f'export PYTHONPATH="$PYTHONPATH":{shlex.quote(str(REPOSITORY))}\n'
            'exec "$1" "$2" "$3" "$4" "$5" tests.permissions.run_function "$7"\n'
        )
        wrapper.chmod(0o755)

    @property
    def _mark(self) -> Path:
        return self.folder / "run"


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
