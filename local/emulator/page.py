"""Serve the web page (``web/``) on its own port, with the headers that CloudFront adds on AWS.

There is no build step: files are read on every request, so that an edit needs a reload but no restart. ``config.json``
is generated from the stack's outputs.
"""

import asyncio
import contextlib
import gzip
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.emulator.gateway import Receive, Scope, Send
from local.settings import REPOSITORY

FOLDER = REPOSITORY / "web"
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".mp4": "video/mp4",
}
_JSON = "application/json"
# As CloudFront compresses what the page's distribution delivers.
_COMPRESSED = {type_ for suffix, type_ in CONTENT_TYPES.items() if suffix in (".html", ".js", ".css", ".svg")}
_TEXT = "text/plain; charset=utf-8"


def page_config(outputs: dict[str, Any]) -> dict[str, Any]:
    """Return ``config.json``: the URLs of the API and of the WebSocket (``null``: polling), and the media origins."""
    return {
        "api_url": outputs["api_url"],
        "websocket_url": outputs.get("websocket_url"),
        "media_origins": [origin(outputs["media_url"])],
    }


def origin(url: str) -> str:
    """Return a URL's scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def content_security_policy(config: dict[str, Any]) -> str:
    """Return a policy that allows only the page's files, the API, the WebSocket and the media, and nothing inline."""
    media = " ".join(config["media_origins"])
    connections = [config["api_url"], config["websocket_url"]]
    connect = " ".join(origin(url) for url in connections if url)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {media}",
            f"media-src 'self' {media}",
            # The page fetches a video to save or share it.
            f"connect-src 'self' {connect} {media}",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            # The page registers its service worker through the one policy there is.
            "trusted-types service-worker",
        )
    )


class Page:
    """ASGI application that serves ``folder``. The small ``outputs_file`` is read on every request."""

    def __init__(self, outputs_file: Path, folder: Path = FOLDER) -> None:
        self._outputs_file = outputs_file
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, send)

    async def _respond(self, scope: Scope, send: Send) -> None:
        config = page_config(json.loads(self._outputs_file.read_text()))
        status, content_type, body = self._content(scope["method"], scope["path"], config)
        headers = {"content-type": content_type, "vary": "accept-encoding"}
        if content_type in _COMPRESSED and _accepts_gzip(scope["headers"]):
            body, headers["content-encoding"] = gzip.compress(body, mtime=0), "gzip"
        headers |= {
            "content-length": str(len(body)),
            "cache-control": "no-cache",
            "content-security-policy": content_security_policy(config),
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _content(self, method: str, path: str, config: dict[str, Any]) -> tuple[int, str, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, _TEXT, b"Method not allowed\n"
        if path == "/config.json":
            return 200, _JSON, json.dumps(config).encode()
        # Only paths of existing files match, so a path with ".." never does.
        files = {f"/{file.relative_to(self._folder).as_posix()}": file for file in self._folder.rglob("*")}
        file = files.get("/index.html" if path == "/" else path)
        if file is None or file.suffix not in CONTENT_TYPES:
            return 404, _TEXT, b"Not found\n"
        return 200, CONTENT_TYPES[file.suffix], file.read_bytes()


def _accepts_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in headers)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def run(addresses: list[str], outputs_file: Path) -> None:
    """Serve at the addresses (``host:port``) until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config()
    config.bind = addresses
    config.graceful_timeout = 2.0
    config.errorlog = "-"
    await serve(Page(outputs_file), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(sys.argv[1].split(","), Path(sys.argv[2])))
