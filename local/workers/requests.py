"""Requests of ``start.py`` for a worker, and how they pass through sockets together with file descriptors."""

import marshal
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """What a worker runs, the connection to the process that stands in for it, and the worker's output."""

    environment: Mapping[str, str]
    folder: str
    module: str
    argument: str
    connection: socket.socket
    stdout: int
    stderr: int

    @classmethod
    def accept(cls, connection: socket.socket) -> Self | None:
        """Read the request of ``start.py``, or of ``retire_workers`` (``None``).

        Raises:
            OSError: the other side ended, or sent nothing for 10 seconds.
        """
        connection.settimeout(_SECONDS)
        message, output = _receive(connection, 2)
        connection.settimeout(None)
        return cls._of(message, connection, output) if message else None

    @classmethod
    def receive(cls, source: socket.socket) -> Self | None:
        """Read what ``pass_on`` or ``pass_on_retirement`` (``None``) has written.

        Raises:
            OSError: the other side ended.
        """
        message, descriptors = _receive(source, 3)
        return cls._of(message, socket.socket(fileno=descriptors[0]), descriptors[1:]) if message else None

    @classmethod
    def _of(cls, message: bytes, connection: socket.socket, output: list[int]) -> Self:
        environment, folder, module, argument = marshal.loads(message)  # noqa: S302 - from our own process
        return cls(environment, folder, module, argument, connection, *output)

    def pass_on(self, target: socket.socket) -> None:
        message = marshal.dumps((dict(self.environment), self.folder, self.module, self.argument))
        descriptors = [self.connection.fileno(), self.stdout, self.stderr]
        socket.send_fds(target, [len(message).to_bytes(4)], descriptors)
        target.sendall(message)

    def close_output(self) -> None:
        os.close(self.stdout)
        os.close(self.stderr)

    def close(self) -> None:
        self.close_output()
        self.connection.close()


def pass_on_retirement(target: socket.socket) -> None:
    target.sendall(bytes(4))


def retire_workers(address: Path) -> None:
    """Have the server replace all workers: idle ones now, others after their request. Return when it has begun."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        pass_on_retirement(connection)
        connection.recv(1)


def _receive(source: socket.socket, count: int) -> tuple[bytes, list[int]]:
    header, descriptors, _, _ = socket.recv_fds(source, 4, count)
    if not header:
        raise ConnectionAbortedError
    header += _exactly(source, 4 - len(header))
    return _exactly(source, int.from_bytes(header)), descriptors


def _exactly(source: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = source.recv(size - len(parts))
        if not part:
            raise ConnectionAbortedError
        parts += part
    return parts
