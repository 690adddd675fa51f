"""Check ports, start servers as child processes, wait until they are ready, and stop them."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from local.settings import LOOPBACK, Ports


class PortTakenError(Exception):
    """Another program is using one of the local stack's ports."""


class NotReadyError(Exception):
    """A server did not become ready. The message contains the path of its log."""


def require_free(ports: Ports, host: str = LOOPBACK) -> None:
    """Check that all ports are free.

    Raises:
        PortTakenError: a port is in use; the message contains it and the variable that changes it.
    """
    for purpose, port in ports.by_purpose().items():
        if not all(_is_free(address, port) for address in {LOOPBACK, host}):
            raise PortTakenError(
                f"Port {port} (for {purpose}) is in use by another program. Stop that program, or set LOCAL_PORT "
                f"to the first of six free ports, for example LOCAL_PORT={ports.emulator + 100}."
            )


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As for the servers, a port with connections in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def start(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a server with its output in ``log``. It runs in its own session, so that Ctrl-C does not reach it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command), env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path, seconds: float
) -> None:
    """Wait until a server is ready.

    Raises:
        NotReadyError: it has exited, or is not ready after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise NotReadyError(f"{what} exited with code {process.returncode}. Log: {log}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} was not ready after {seconds:.0f} s. Log: {log}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Send SIGTERM to the process, and SIGKILL to its group if it has not exited after ``seconds``."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def is_alive(pid: int) -> bool:
    """Return whether this user has a process with this id."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def answers(url: str) -> bool:
    """Return whether ``url`` responds with status 200."""
    try:
        return httpx.get(url, timeout=10, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
