"""The lock of a local stack's folder: a file lock, released when its process ends, with the process id as content."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process holds the folder's lock."""


class StackLock:
    """``stack.pid`` in the stack's folder, locked while the supervisor is running."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stack.pid"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            AlreadyRunningError: another process holds it.
        """
        with self._file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(f"The stack in {self._file.parent} is already running.") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
            file.truncate(0)

    def holder(self) -> int | None:
        """Return the id of the process that holds the lock, or ``None``."""
        try:
            with self._file.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    text = file.read().strip()
                    return int(text) if text else None
                return None
        except FileNotFoundError:
            return None
