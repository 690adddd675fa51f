"""Reverse proxy at the API's local address, which forwards requests to the API's stage in the emulator.

The emulator serves an API under ``/_aws/execute-api/{id}/{stage}``. Clients of a real API use no such prefix, nor do
the API's own links, so this proxy takes the role of API Gateway's host name. It also takes CloudFront's role: the
emulator identifies a distribution only by the ``Host`` header, which a browser cannot set, so requests for
``/media/...`` are forwarded with that header, and with ``X-Forwarded-Proto: https``, since CloudFront requires HTTPS.
It takes S3's role for clients on other machines: forms for the bucket are forwarded as they are, as they are signed.

At most 16 requests are forwarded to the API at the same time, and others wait: each takes a process of its own.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config

from local.emulator.strict.signed_urls import VIEWER_BASE_URL
from local.emulator.websocket_gateway import WebSocketDoor

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Headers = Iterable[tuple[bytes, bytes]]

# Hop-by-hop headers (RFC 9110, section 7.6.1), and headers that the next hop sets itself.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade "
    b"host content-length date server".split()
)
_MEDIA = "/media/"
# Longer than API Gateway's integration timeout of 30 s.
_TIMEOUT = httpx.Timeout(35.0, connect=5.0)
_CONCURRENT_REQUESTS = 16


class HttpGateway:
    """ASGI application that forwards HTTP requests to ``target`` plus their path, and WebSockets to ``websockets``.

    Requests under ``/media/`` go to the emulator instead, with the distribution's host, and those for the bucket.
    """

    def __init__(self, targets: "Targets", websockets: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._target = targets.api.rstrip("/")
        self._websockets = websockets
        self._emulator = targets.emulator.rstrip("/")
        self._bucket_path = f"/{targets.bucket}"
        self._media_headers = [
            (b"host", targets.media_host.encode()),
            (b"x-forwarded-proto", b"https"),
            (VIEWER_BASE_URL.encode(), targets.media_url.encode()),
        ]
        self._turns = asyncio.Semaphore(_CONCURRENT_REQUESTS)
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, limits=httpx.Limits(max_connections=200), trust_env=False, follow_redirects=False
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._forward(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websockets(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._client.aclose()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("ascii").split("?")[0]
        query = scope["query_string"].decode("ascii")
        target, extra = self._target, []
        turn: contextlib.AbstractAsyncContextManager[object] = self._turns
        if path.startswith(_MEDIA):
            target, path, extra = self._emulator, path.removeprefix(_MEDIA.rstrip("/")), self._media_headers
            turn = contextlib.nullcontext()
        elif path == self._bucket_path or path.startswith(f"{self._bucket_path}/"):
            target, extra = self._emulator, [header for header in scope["headers"] if header[0] == b"host"]
            turn = contextlib.nullcontext()
        url = f"{target}{path}" + (f"?{query}" if query else "")
        body = await _body(receive)
        try:
            async with turn:
                response = await self._client.request(
                    scope["method"], url, headers=_without(scope["headers"], extra) + extra, content=body
                )
        except httpx.HTTPError as error:
            print(f"{scope['method']} {path}: {type(error).__name__}", flush=True)
            await _reply(send, 503, [(b"content-type", b"application/json")], b'{"message":"Service Unavailable"}')
            return
        headers = _end_to_end(_without_encoding(response.headers.raw))
        # The answer to HEAD says how long that to GET would be.
        length = response.headers.get("content-length") if scope["method"] == "HEAD" else None
        await _reply(send, response.status_code, headers, response.content, length)


def _end_to_end(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _without(headers: Headers, replaced: Headers) -> list[tuple[bytes, bytes]]:
    names = {name for name, _ in replaced}
    return [(name, value) for name, value in _end_to_end(headers) if name.lower() not in names]


def _without_encoding(headers: Headers) -> Headers:
    # httpx has already decoded the body.
    return [(name, value) for name, value in headers if name.lower() != b"content-encoding"]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _reply(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, length: str | None = None
) -> None:
    counted = [] if status in (204, 304) else [(b"content-length", (length or str(len(body))).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers + counted})
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True)
class Targets:
    """Where requests go: the API's stage, the WebSocket API's stage, the emulator; and the names of media.

    ``media_host`` is the distribution's, ``media_url`` the base URL that clients know.
    """

    api: str
    websockets: str
    emulator: str
    media_host: str
    bucket: str
    media_url: str


async def run(addresses: list[str], targets: Targets) -> None:
    """Serve at the addresses (``host:port``) until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = Config()
    config.bind = addresses
    config.graceful_timeout = 2.0
    config.errorlog = "-"
    door = WebSocketDoor(targets.websockets)
    app = HttpGateway(targets, door)
    await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(sys.argv[1].split(","), Targets(*sys.argv[2:])))
