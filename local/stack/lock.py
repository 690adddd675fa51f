"""Who holds the local stack of a folder: a file lock that ends with its process, and that process's id beside it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process holds the stack of this folder."""


class StackLock:
    """``stack.pid`` in the stack's folder, locked for as long as its process lives."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "stack.pid"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises ``AlreadyRunningError`` when somebody else does."""
        with self._file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunningError(f"The stack of {self._file.parent} runs already.") from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield
            file.truncate(0)

    def holder(self) -> int | None:
        """The process that holds the lock; ``None`` when none does."""
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
