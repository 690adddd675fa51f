"""The fork server: ``python -S -m local.workers.server <socket> --shared <folder> ... --functions <folder> ...``.

A function's process imports for 0.3 seconds of processor time before it can serve a request, and for a whole second
with the Claude SDK. The server has imported the shared libraries, and forks a worker for every request of
``start.py``. For a function that has packages of its own, it forks another server first, which imports these as well.

A worker imports the function itself, with its environment: its module state is its own, as in a new process.
"""

import argparse
import contextlib
import importlib
import os
import pkgutil
import runpy
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.workers.children import Children, keep_memory_shared
from local.workers.requests import Request, pass_on_retirement
from local.workers.turns import BUSY, IDLE, announce_turns

# What most functions import of Lambda's runtime and of layers/dependencies/. None reads the environment when imported.
SHARED_LIBRARIES = (
    "aws_lambda_powertools.event_handler.openapi.models",
    "aws_lambda_powertools.event_handler.openapi.params",
    "aws_lambda_powertools.metrics",
    "boto3.dynamodb.transform",
    "botocore.httpsession",
    "httpx",
    "jwt",
    "pydantic",
)
_REPOSITORY = str(Path(__file__).resolve().parents[2])
_STANDARD_LIBRARY = [folder for folder in sys.path if folder != _REPOSITORY]


@dataclass
class _Worker:
    """A running worker. ``turns`` has a byte for each beginning and each end of its waiting for a request.

    It was started for a request, so it is not idle before it has answered one.
    """

    process: int
    turns: socket.socket
    used: bool = False
    idle: bool = False
    retired: bool = False

    def end(self) -> None:
        os.kill(self.process, signal.SIGKILL)

    def end_if_unused(self) -> None:
        if self.idle and self.retired:
            self.end()


class Workers:
    """Forks workers, reports their ends, and replaces them."""

    def __init__(self) -> None:
        self.children = Children()
        self._running: dict[int, _Worker] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, request: Request) -> None:
        connection = request.connection
        ours, theirs = socket.socketpair()

        def on_end(code: int) -> None:
            del self._running[worker.process]
            # The process that stands in for the worker may have ended first.
            with contextlib.suppress(OSError):
                connection.sendall(code.to_bytes(4, signed=True))
            self.children.close(connection)
            self.children.close(ours)

        def run() -> None:
            ours.close()
            _run(request, theirs)

        worker = _Worker(self.children.fork(run, on_end), ours)
        self._running[worker.process] = worker
        theirs.close()
        request.close_output()
        self.children.watch(connection, worker.end)
        self.children.watch(ours, lambda: self._note_turn(worker))

    def retire(self) -> None:
        """End idle workers now, and others when they have answered."""
        for worker in self._running.values():
            worker.retired = True
            worker.end_if_unused()

    def _note_turn(self, worker: _Worker) -> None:
        turns = worker.turns.recv(4096)
        if turns:
            worker.used = worker.used or BUSY in turns
            worker.idle = worker.used and turns.endswith(IDLE)
            worker.end_if_unused()
        else:
            # Until the worker is reaped.
            self.children.ignore(worker.turns)


def _run(request: Request, turns: socket.socket) -> None:
    """Run the request's module as ``python -m`` would."""
    os.dup2(request.stdout, 1)
    os.dup2(request.stderr, 2)
    request.close()
    for name in [each for each in sys.modules if each.partition(".")[0] == "local"]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(request.environment)
    _search_in([request.folder, *request.environment["PYTHONPATH"].split(os.pathsep)])
    os.chdir(request.folder)
    announce_turns(turns)
    sys.argv = [request.module, request.argument]
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def _search_in(folders: Iterable[str]) -> None:
    sys.path[:] = [*folders, *_STANDARD_LIBRARY]


class Server:
    """Accepts requests, and passes on those of functions with packages of their own."""

    def __init__(self, listener: socket.socket, shared: Sequence[str]) -> None:
        self._listener = listener
        self._shared = shared
        self._workers = Workers()
        self._servers: dict[str, socket.socket] = {}

    def run(self, functions: Iterable[str]) -> None:
        """Serve without end. The packages of ``functions``, which are folders, are imported right away."""
        self._workers.children.watch(self._listener, self._accept)
        for folder in functions:
            if packages := packages_in(folder):
                self._server_of(folder, packages, None)
        self._workers.children.serve(until=lambda: False)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        try:
            request = Request.accept(connection)
        except OSError:
            connection.close()
            return
        if request is None:
            self._retire()
            connection.close()
            return
        packages = packages_in(request.folder)
        if not packages:
            self._workers.start(request)
            return
        # A server that has ended takes no request; then `start.py` sees its connection closed.
        with contextlib.suppress(OSError):
            request.pass_on(self._server_of(request.folder, packages, request))
        request.close()

    def _retire(self) -> None:
        self._workers.retire()
        for server in self._servers.values():
            with contextlib.suppress(OSError):
                pass_on_retirement(server)

    def _server_of(self, folder: str, packages: Iterable[str], request: Request | None) -> socket.socket:
        if folder not in self._servers:
            ours, theirs = socket.socketpair()

            def run() -> None:
                ours.close()
                if request is not None:
                    request.close()
                _search_in([folder, *self._shared])
                serve_with(packages, theirs)

            self._workers.children.fork(run, lambda _: None)
            theirs.close()
            self._servers[folder] = ours
            # It sends nothing: its socket becomes readable at its end.
            self._workers.children.watch(ours, lambda: self._workers.children.close(self._servers.pop(folder)))
        return self._servers[folder]


def serve_with(packages: Iterable[str], source: socket.socket) -> None:
    """Import the packages of a function; then start the workers whose requests are passed on through ``source``.

    Return when ``source`` is closed and the last worker has ended.
    """
    for name in packages:
        # What cannot be imported is the function's business.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    keep_memory_shared()
    workers = Workers()

    def receive() -> None:
        try:
            request = Request.receive(source)
        except OSError:
            workers.children.close(source)
            return
        if request is None:
            workers.retire()
        else:
            workers.start(request)

    workers.children.watch(source, receive)
    workers.children.serve(until=lambda: source.fileno() < 0 and not workers)


def packages_in(folder: str) -> list[str]:
    """Return the packages beside a function's code; its own code is modules."""
    return [module.name for module in pkgutil.iter_modules([folder]) if module.ispkg]


def _listen(address: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # A relative address, since absolute ones may be longer than the 108 bytes of `sockaddr_un`.
    os.chdir(address.parent)
    listener.bind(address.name)
    listener.listen(128)
    return listener


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--shared", nargs="+", default=[], help="folders of libraries that all functions share")
    parser.add_argument("--functions", nargs="*", default=[], help="folders of functions")
    given = parser.parse_args(arguments)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # Everything that was forked ends with the server.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    listener = _listen(given.socket)
    _search_in(given.shared)
    for name in SHARED_LIBRARIES:
        importlib.import_module(name)
    keep_memory_shared()
    Server(listener, given.shared).run(given.functions)


if __name__ == "__main__":
    main(sys.argv[1:])
