"""A loopback server in the place of Sentry: keeps what the SDK sends."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class SentryServer(ThreadingHTTPServer):
    """``received``: the decompressed envelopes. ``headers``: those of the requests, as text."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ingest)
        self.received: list[bytes] = []
        self.headers: list[str] = []
        self.status = 200

    @property
    def dsn(self) -> str:
        """The address that a function gets as its DSN."""
        return f"http://0123456789abcdef@127.0.0.1:{self.server_port}/1"

    def events(self) -> list[dict[str, Any]]:
        """Return the events of all envelopes: https://develop.sentry.dev/sdk/data-model/envelopes/."""
        found = []
        for envelope in self.received:
            lines = envelope.split(b"\n")[1:]
            for header, payload in zip(lines[::2], lines[1::2], strict=False):
                assert json.loads(header)["type"] == "event", header
                found.append(json.loads(payload))
        return found


class _Ingest(BaseHTTPRequestHandler):
    server: SentryServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoded = self.headers.get("Content-Encoding") == "gzip"
        self.server.received.append(gzip.decompress(body) if encoded else body)
        self.server.headers.append(f"{self.requestline}\n{self.headers}")
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def sentry_server() -> Iterator[SentryServer]:
    """Run the server."""
    server = SentryServer()
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
