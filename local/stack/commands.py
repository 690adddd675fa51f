"""Commands that start, stop and reset the local stack."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.progress import FINISHED_PREFIX, STARTED_PREFIX, SUPERVISED, console, show_started
from local.settings import REPOSITORY, Settings
from local.stack.lock import StackLock
from local.stack.supervisor import FAILED_PREFIX, READY_LINE


class StackError(Exception):
    """The stack did not start or stop. The message is shown to the user."""


def outputs(settings: Settings) -> dict[str, Any] | None:
    """Return ``outputs.json`` of the running stack, or ``None`` if it is not running."""
    if StackLock(settings.folder).holder() is None or not settings.outputs_file.exists():
        return None
    found: dict[str, Any] = json.loads(settings.outputs_file.read_text())
    return found


def up(settings: Settings) -> tuple[dict[str, Any], bool]:
    """Start the stack unless it is running. Return its outputs, and whether this call has started it.

    A running stack is left unchanged, even if the settings differ.

    Raises:
        StackError: the stack did not start.
    """
    running = outputs(settings)
    if running is not None:
        return running, False
    log = settings.log_folder / "stack.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.stack.supervisor"],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", SUPERVISED: "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _follow(log, process)
    except BaseException:
        _stop_process(process.pid, process.poll)
        raise
    started = outputs(settings)
    if started is None:
        raise StackError(f"The stack exited right after it started. Log: {log}")
    return started, True


def _follow(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Show the supervisor's steps until it is ready.

    Raises:
        StackError: the supervisor has failed; the message is its own.
    """
    with log.open() as lines:
        while True:
            line = lines.readline()
            if line.strip() == READY_LINE:
                return
            if line.startswith(FAILED_PREFIX):
                raise StackError(line.removeprefix(FAILED_PREFIX).strip())
            if line.startswith(STARTED_PREFIX):
                show_started(line)
            elif line.startswith(FINISHED_PREFIX):
                console.print(line.rstrip(), markup=False)
            elif not line and process.poll() is not None:
                raise StackError(f"The stack did not start. Log: {log}")
            elif not line:
                time.sleep(0.05)


def down(settings: Settings) -> bool:
    """Stop the stack and keep its data. Return whether it was running.

    Raises:
        StackError: the stack did not stop within 60 s.
    """
    pid = StackLock(settings.folder).holder()
    if pid is None:
        return False
    lock = StackLock(settings.folder)
    _stop_process(pid, lambda: None if lock.holder() == pid else 0)
    return True


def reset(settings: Settings) -> None:
    """Stop the stack and delete its data and logs. The build is kept.

    Raises:
        StackError: the stack did not stop within 60 s.
    """
    down(settings)
    for name in ("state", "sandbox", "logs"):
        shutil.rmtree(settings.folder / name, ignore_errors=True)


def _stop_process(pid: int, ended: Callable[[], int | None]) -> None:
    if ended() is None:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while ended() is None:
        if time.monotonic() > deadline:
            raise StackError(f"Process {pid} did not stop. Kill it manually: kill -9 {pid}")
        time.sleep(0.05)
