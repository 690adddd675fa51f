"""A server on loopback with one behavior per path, well-behaved or hostile.

It implements HTTP on plain sockets, because HTTP libraries do not allow wrong lengths or broken connections.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType

_MAX_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A received request. `server_name` is the name in the TLS handshake."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None = None


@dataclass(slots=True)
class Exchange:
    """A behavior's access to its connection; `stopping` is set when the server stops."""

    connection: socket.socket
    request: Seen
    stopping: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def head(self, status: int, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", "Connection: close", *headers, "", ""]
        self.send("\r\n".join(lines).encode())


type Behavior = Callable[[Exchange], None]


@dataclass(slots=True)
class HostileSource:
    """Runs within its `with` block.

    `requests` holds the received requests in order. With a `tls` context it uses TLS and records the requested server
    name.
    """

    routes: dict[str, Behavior] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    _listener: socket.socket = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _server_name: str | None = None

    def __enter__(self) -> "HostileSource":
        self._listener = socket.create_server(("127.0.0.1", 0))
        if self.tls is not None:
            self.tls.sni_callback = self._note_server_name
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):  # raises "not connected", but still wakes `accept`
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)
            assert not thread.is_alive(), "a connection of the source outlived it"

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with (
            contextlib.suppress(OSError),
            contextlib.ExitStack() as closing,
        ):  # clients break connections in these tests
            closing.callback(connection.close)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                closing.callback(connection.close)
            request = _read_request(connection, self._server_name)
            if request is None:
                return
            self.requests.append(request)
            path = request.target.partition("?")[0]
            self.routes.get(path, status(404))(Exchange(connection, request, self._stopping))

    def _note_server_name(self, _: ssl.SSLSocket | ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self._server_name = name


def _read_request(connection: socket.socket, server_name: str | None) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece or len(data) > _MAX_HEAD:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65536)
    method, target, _ = first.split(" ")
    return Seen(method, target, headers, body, server_name)


# --- behaviors


def file(data: bytes, *headers: str) -> Behavior:
    """Serve the data correctly."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, "Content-Type: video/mp4", f"Content-Length: {len(data)}", *headers)
        exchange.send(data)

    return behave


def unmeasured_file(data: bytes) -> Behavior:
    """Serve without a length: the end of the connection is the end of the file."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200)
        exchange.send(data)

    return behave


def chunked_file(data: bytes, *, finished: bool = True) -> Behavior:
    """Serve in chunks; if unfinished, without the terminating chunk."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, "Transfer-Encoding: chunked")
        exchange.send(f"{len(data):x}\r\n".encode() + data + b"\r\n" + (b"0\r\n\r\n" if finished else b""))

    return behave


def status(code: int, *headers: str) -> Behavior:
    """Respond with a status and no body."""
    return lambda exchange: exchange.head(code, "Content-Length: 0", *headers)


def redirect(location: str, code: int = 302) -> Behavior:
    return status(code, f"Location: {location}")


def truncated(data: bytes, sent: int) -> Behavior:
    """Announce the length of the data, send the first bytes, and close the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, f"Content-Length: {len(data)}")
        exchange.send(data[:sent])

    return behave


def truncated_by_reset(data: bytes, sent: int) -> Behavior:
    """Do the same, and reset the TCP connection."""

    def behave(exchange: Exchange) -> None:
        truncated(data, sent)(exchange)
        _reset(exchange)

    return behave


def announcing(size: str) -> Behavior:
    """Announce a length and send nothing."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, f"Content-Length: {size}")
        exchange.stopping.wait(5)

    return behave


def endless() -> Behavior:
    """Announce no length and never end."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200)
        while not exchange.stopping.is_set():
            exchange.send(bytes(64 * 1024))

    return behave


def trickle(seconds: float = 0.02) -> Behavior:
    """Send a byte at a time, within every read timeout, without an end."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, "Content-Length: 1000000")
        while not exchange.stopping.wait(seconds):
            exchange.send(b"x")

    return behave


def trickling_head(seconds: float = 0.02) -> Behavior:
    """Send a header at a time, without an end."""

    def behave(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        while not exchange.stopping.wait(seconds):
            exchange.send(b"X-More: 1\r\n")

    return behave


def stall_after(data: bytes) -> Behavior:
    """Send the first bytes and then nothing."""

    def behave(exchange: Exchange) -> None:
        exchange.head(200, "Content-Length: 1000000")
        exchange.send(data)
        exchange.stopping.wait(5)

    return behave


def silence(exchange: Exchange) -> None:
    """Receive the request and never respond."""
    exchange.stopping.wait(5)


def close_connection(exchange: Exchange) -> None:
    """Receive the request and close the connection."""
    exchange.connection.shutdown(socket.SHUT_RDWR)


def reset(exchange: Exchange) -> None:
    """Receive the request and reset the connection."""
    _reset(exchange)


def raw(data: bytes) -> Behavior:
    """Send these bytes as the response."""
    return lambda exchange: exchange.send(data)


def in_turn(*behaviors: Behavior) -> Behavior:
    """Use one behavior per request; the last one stays."""
    remaining: Iterator[Behavior] = iter(behaviors)
    last = behaviors[-1]
    return lambda exchange: next(remaining, last)(exchange)


def _reset(exchange: Exchange) -> None:
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.connection.close()
