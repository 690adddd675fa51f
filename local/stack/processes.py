"""Child processes and ports: starting, waiting for them, stopping them by the handle that we hold."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from local.settings import Ports


class PortTakenError(Exception):
    """Something else listens where the local stack wants to."""


class NotReadyError(Exception):
    """A server did not come up; the message says where its log is."""


def require_free(ports: Ports) -> None:
    """Raises ``PortTakenError`` that names the port and the variable that moves it."""
    for use, port in ports.by_use().items():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # A port whose last connection is still closing counts as free: the servers bind it the same way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise PortTakenError(
                    f"Port {port} (for {use}) is taken by another program. "
                    f"Free it, or set LOCAL_PORT to move the five ports, for example LOCAL_PORT={ports.emulator + 100}."
                ) from None


def start(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a server whose output goes into ``log``. It is in a process group of its own, out of Ctrl-C's reach."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command), env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, log: Path, seconds: float
) -> None:
    """Wait for a server. Raises ``NotReadyError`` when it ends or is not ready in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise NotReadyError(f"{what} ended with code {process.returncode}. Its log: {log}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{what} was not ready after {seconds:.0f} s. Its log: {log}")
        time.sleep(0.05)


def stop(process: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    """Ask the process to end, and insist after ``seconds``."""
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
    """Whether there is a process of this user with this number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def answers(url: str) -> bool:
    """Whether an HTTP server is there and well."""
    try:
        return httpx.get(url, timeout=10, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
