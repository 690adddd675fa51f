"""The fork server: ``python -S -m local.workers.server <socket> <folder of shared libraries> ...``.

A function's process imports for 0.3 seconds of processor time before it can serve a request, and for a whole second
with the Claude SDK. The server has imported the shared libraries, and forks a worker for every request of
``start.py``. For a function that has packages of its own, it forks another server first, which imports these as well.

A worker imports the function itself, with its environment: its module state is its own, as in a new process.
"""

import contextlib
import importlib
import os
import pkgutil
import runpy
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from local.workers.children import Children, keep_memory_shared
from local.workers.requests import Request

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


class Workers:
    """Forks workers and reports their ends."""

    def __init__(self) -> None:
        self.children = Children()
        self.running: set[int] = set()

    def start(self, request: Request) -> None:
        connection = request.connection

        def on_end(code: int) -> None:
            self.running.discard(child)
            # The process that stands in for the worker may have ended first.
            with contextlib.suppress(OSError):
                connection.sendall(code.to_bytes(4, signed=True))
            self.children.close(connection)

        child = self.children.fork(lambda: _run(request), on_end)
        self.running.add(child)
        request.close_output()
        self.children.watch(connection, lambda: os.kill(child, signal.SIGKILL))


def _run(request: Request) -> None:
    """Run the request's module as ``python -m`` would."""
    os.dup2(request.stdout, 1)
    os.dup2(request.stderr, 2)
    request.close()
    for name in [each for each in sys.modules if each.partition(".")[0] == "local"]:
        del sys.modules[name]
    os.environ.clear()
    os.environ.update(request.environment)
    _search_in(request)
    os.chdir(request.folder)
    sys.argv = [request.module, request.argument]
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def _search_in(request: Request) -> None:
    sys.path[:] = [request.folder, *request.environment["PYTHONPATH"].split(os.pathsep), *_STANDARD_LIBRARY]


class Server:
    """Accepts requests, and passes on those of functions with packages of their own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._workers = Workers()
        self._servers: dict[str, socket.socket] = {}

    def run(self) -> None:
        self._workers.children.watch(self._listener, self._accept)
        self._workers.children.serve(until=lambda: False)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        try:
            request = Request.accept(connection)
        except OSError:
            connection.close()
            return
        packages = packages_in(request.folder)
        if not packages:
            self._workers.start(request)
            return
        # A server that has ended takes no request; then `start.py` sees its connection closed.
        with contextlib.suppress(OSError):
            request.pass_on(self._server_of(request, packages))
        request.close()

    def _server_of(self, request: Request, packages: Iterable[str]) -> socket.socket:
        folder = request.folder
        if folder not in self._servers:
            ours, theirs = socket.socketpair()

            def run() -> None:
                ours.close()
                serve_with(packages, request, theirs)

            self._workers.children.fork(run, lambda _: None)
            theirs.close()
            self._servers[folder] = ours
            # It sends nothing: its socket becomes readable at its end.
            self._workers.children.watch(ours, lambda: self._workers.children.close(self._servers.pop(folder)))
        return self._servers[folder]


def serve_with(packages: Iterable[str], request: Request, source: socket.socket) -> None:
    """Import the packages of a function; then start the workers whose requests are passed on through ``source``.

    Return when ``source`` is closed and the last worker has ended.
    """
    request.close()
    _search_in(request)
    for name in packages:
        # What cannot be imported is the function's business.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    keep_memory_shared()
    workers = Workers()

    def start() -> None:
        try:
            received = Request.receive(source)
        except OSError:
            workers.children.close(source)
            return
        workers.start(received)

    workers.children.watch(source, start)
    workers.children.serve(until=lambda: source.fileno() < 0 and not workers.running)


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


def main(address: str, *folders: str) -> None:
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    # Everything that was forked ends with the server.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    listener = _listen(Path(address))
    sys.path[:] = [*folders, *_STANDARD_LIBRARY]
    for name in SHARED_LIBRARIES:
        importlib.import_module(name)
    keep_memory_shared()
    Server(listener).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
