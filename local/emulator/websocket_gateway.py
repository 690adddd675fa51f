"""Reverse proxy at the WebSocket API's local address, which connects to the API's stage in the emulator.

It also sets the subprotocol. API Gateway returns the headers of the ``$connect`` function's response, but the emulator
drops them, and a browser closes a connection without the subprotocol that it requested.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]

SUBPROTOCOL = "dreamvision"
# API Gateway's limit for one message.
MAX_MESSAGE_BYTES = 128 * 1024
# Longer than the combined timeouts of the authorizer and the $connect function.
_HANDSHAKE_SECONDS = 60
_TOO_BIG = 1009
_GOING_AWAY = 1001
# Reserved codes that must not be sent (RFC 6455, section 7.4.1).
_UNSENDABLE = frozenset({1005, 1006, 1015})
# Headers that each handshake sets itself.
_OF_HANDSHAKE = frozenset(
    {
        "host",
        "connection",
        "upgrade",
        "user-agent",
        "content-length",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
    }
)


class WebSocketDoor:
    """ASGI application for WebSockets. ``target`` is the URL of the API's stage in the emulator."""

    def __init__(self, target: str) -> None:
        self._target = target

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # "websocket.connect"
        query = scope["query_string"].decode("ascii")
        offered = [Subprotocol(each) for each in scope["subprotocols"]]
        handshake = connect(
            self._target + (f"?{query}" if query else ""),
            additional_headers=_passed_on(scope),
            subprotocols=offered or None,
            compression=None,
            ping_interval=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=_HANDSHAKE_SECONDS,
            proxy=None,
        )
        try:
            emulator = await handshake
        except InvalidStatus as refused:
            await _refuse(send, refused.response.status_code, bytes(refused.response.body or b""))
            return
        except (InvalidHandshake, OSError, TimeoutError) as error:
            print(f"WebSocket: {type(error).__name__}", flush=True)
            await _refuse(send, 503, b'{"message":"Service Unavailable"}')
            return
        chosen = SUBPROTOCOL if SUBPROTOCOL in offered else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await _relay(emulator, receive, send)


def _passed_on(scope: Scope) -> list[tuple[str, str]]:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return [(name, value) for name, value in headers if name.lower() not in _OF_HANDSHAKE]


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


async def _relay(emulator: ClientConnection, receive: Receive, send: Send) -> None:
    """Forward messages in both directions until either side closes."""
    async with asyncio.TaskGroup() as tasks:
        upwards = tasks.create_task(_upwards(emulator, receive))
        await _downwards(emulator, send)
        upwards.cancel()


async def _upwards(emulator: ClientConnection, receive: Receive) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                await emulator.close(_sendable(message.get("code")))
                return
            data = message.get("text")
            data = message.get("bytes") or b"" if data is None else data
            if len(data if isinstance(data, bytes) else data.encode()) > MAX_MESSAGE_BYTES:
                await emulator.close(_TOO_BIG)
                return
            await emulator.send(data)


async def _downwards(emulator: ClientConnection, send: Send) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in emulator:
            await send({"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message})
    await send({"type": "websocket.close", "code": _sendable(emulator.close_code)})


def _sendable(code: int | None) -> int:
    return _GOING_AWAY if code is None or code in _UNSENDABLE else code
