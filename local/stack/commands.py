"""Commands that start, stop and reset the local stack."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

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

    Raises:
        StackError: the stack did not start, or it is running with other settings than were given.
    """
    running = outputs(settings)
    if running is not None:
        require_same(settings, running["settings"])
        return running, False
    log = settings.log_folder / "stack.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    # An interruption in the middle of Popen would leave a process that nobody knows.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
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
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        with log.open() as lines:
            _follow(lines, lambda: process.poll() is not None)
    except BaseException:
        _stop_process(process.pid, process.poll)
        raise
    started = outputs(settings)
    if started is None:
        raise StackError(f"The stack exited right after it started. Log: {log}")
    return started, True


def require_same(settings: Settings, running: Mapping[str, str]) -> None:
    """Check that a running stack has the settings that were given.

    Raises:
        StackError: it has another one.
    """
    for name, value in settings.given.items():
        if running.get(name) != value:
            raise StackError(
                f"The stack is running with {name}={running.get(name)!r}, not {value!r}. Stop it first (make down), "
                f"or leave {name} out to use it as it is."
            )


def _follow(lines: TextIO, ended: Callable[[], bool]) -> None:
    """Show the supervisor's steps until it is ready.

    Raises:
        StackError: the supervisor has failed; the message is its own.
    """
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
        elif not line and ended():
            raise StackError(f"The stack has ended. Log: {lines.name}")
        elif not line:
            time.sleep(0.05)


def reload(settings: Settings) -> None:
    """Have the running stack serve changed sources, and wait for it.

    Raises:
        StackError: the stack is not running, or a build or deploy failed.
    """
    lock = StackLock(settings.folder)
    pid = lock.holder()
    if pid is None:
        raise StackError("The local stack is not running. Start it with: make up")
    with (settings.log_folder / "stack.log").open() as lines:
        lines.seek(0, os.SEEK_END)
        os.kill(pid, signal.SIGHUP)
        _follow(lines, lambda: lock.holder() != pid)


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
