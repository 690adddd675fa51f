"""An S3 endpoint on loopback that accepts every upload and stores only its size."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

_PIECE = 256 * 1024


class BottomlessBucket:
    """Runs within its `with` block.

    `sizes` maps each key (with the bucket) to the number of bytes received. `completed` are the keys of completed
    multipart uploads.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.completed: list[str] = []
        handler = type("Handler", (_Handler,), {"bucket": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "BottomlessBucket":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: BottomlessBucket

    def do_PUT(self) -> None:
        key = urlsplit(self.path).path
        size = left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(_PIECE, left)))
        self.bucket.sizes[key] = self.bucket.sizes.get(key, 0) + size
        self._answer(b"", ("ETag", '"00000000000000000000000000000000"'))

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "uploads" in parse_qs(parts.query, keep_blank_values=True):
            self._answer(b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>")
        else:
            self.bucket.completed.append(parts.path)
            self._answer(b"<CompleteMultipartUploadResult><ETag>1-1</ETag></CompleteMultipartUploadResult>")

    def _answer(self, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
