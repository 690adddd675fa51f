"""A threaded HTTP/1.1 server based on the standard library that can simulate network faults."""

import contextlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_BODY_BYTES = 32 * 1024 * 1024
"""The Messages API's request size limit (platform.claude.com, API overview); more than Runway needs."""
_IDLE_SECONDS = 75
_Connection = socket.socket | tuple[bytes, socket.socket]
_FILE_CHUNK_BYTES = 256 * 1024


class PortTakenError(Exception):
    """A server cannot listen on its address. The message contains the address and the reason."""


@dataclass(frozen=True)
class Request:
    """An HTTP request. Header names are lower case; for a repeated query parameter the last value is kept."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class FileRange:
    """``length`` bytes of the file at ``path``, starting at byte ``start``."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Reply:
    """An HTTP response.

    ``claimed_length`` overrides Content-Length, to simulate a truncated download. ``reset`` sends nothing and resets
    the connection.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    file: FileRange | None = None
    claimed_length: int | None = None
    reset: bool = False


def json_reply(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply with ``value`` as JSON. Lone surrogates are escaped, as JSON allows."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        body = text.encode("utf-8")
    except UnicodeEncodeError:
        body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return Reply(status, body, {"content-type": "application/json", **(headers or {})})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "LoopbackServer"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY_BYTES or self.headers.get("transfer-encoding"):
            self.close_connection = True
            status = 413 if length > MAX_BODY_BYTES else 411
            self._send(self.server.reject(status))
            return
        body = self.rfile.read(length)
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.respond(Request(self.command, url.path, query, headers, body)))

    def _send(self, reply: Reply) -> None:
        if reply.reset:
            self.close_connection = True
            self.server.reset_on_close(self.connection)
            return
        sent = reply.file.length if reply.file else len(reply.body)
        claimed = sent if reply.claimed_length is None else reply.claimed_length
        self.close_connection = self.close_connection or claimed != sent
        head = self._head(reply, claimed)
        if self.command == "HEAD" or reply.status in (204, 304):
            self.wfile.write(head)
        elif reply.file is not None:
            self.wfile.write(head)
            self._send_file(reply.file)
        else:
            # A single write: the second of two small writes can be held back until the first is acknowledged.
            self.wfile.write(head + reply.body)

    def _head(self, reply: Reply, length: int) -> bytes:
        headers = {"date": self.date_time_string(), **reply.headers}
        if reply.status != 204:
            headers["content-length"] = str(length)
        if self.close_connection:
            headers["connection"] = "close"
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send_file(self, part: FileRange) -> None:
        left = part.length
        with part.path.open("rb") as source:
            source.seek(part.start)
            while left > 0:
                chunk = source.read(min(left, _FILE_CHUNK_BYTES))
                if not chunk:
                    self.close_connection = True
                    return
                self.wfile.write(chunk)
                left -= len(chunk)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: requests contain dream texts."""


class LoopbackServer(ThreadingHTTPServer):
    """Server on a loopback port, from ``open`` to ``close``.

    ``respond`` builds the reply to a request, ``reject`` the reply to an unread request, given its status.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, respond: Callable[[Request], Reply], reject: Callable[[int], Reply], name: str
    ) -> None:
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise PortTakenError(f"Cannot listen on {host}:{port} ({error.strerror}).") from error
        self.respond = respond
        self.reject = reject
        self._name = name
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        host, port = self.server_address[0], self.server_address[1]
        return f"http://{host!s}:{port}"

    def open(self) -> None:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._guard:
            open_connections = list(self._open)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reset_on_close(self, connection: socket.socket) -> None:
        """Make ``connection`` close with RST instead of FIN, as after a crash of the peer (SO_LINGER of 0 s)."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._guard:
            self._resets.add(connection)

    def process_request(self, request: _Connection, client_address: Any) -> None:  # noqa: ANN401 - as the base says
        if isinstance(request, socket.socket):
            with self._guard:
                self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Connection) -> None:
        if not isinstance(request, socket.socket):
            return
        with self._guard:
            self._open.discard(request)
            is_reset = request in self._resets
            self._resets.discard(request)
        if is_reset:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: _Connection, client_address: Any) -> None:  # noqa: ANN401 - as the base says
        """Print a traceback unless the client closed the connection."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
