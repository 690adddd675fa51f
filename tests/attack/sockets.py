"""WebSockets: handshakes that nobody may open, messages that nobody may send, and tokens that end meanwhile."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dreamvision.realtime.connections import MAX_CONNECTIONS
from tests.attack.attack import Outcome, attack
from tests.attack.target import Target
from tests.e2e.client import User
from tests.e2e.listener import Listener, connection, listening, refusal
from tests.e2e.test_tokens import resigned, unsigned

_SECONDS = 20.0


def _run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await work()

    asyncio.run(bounded())


@attack("handshakes without a valid token", remote=True)
def handshakes(target: Target, outcome: Outcome) -> None:
    url, user, ended = target.outputs["websocket_url"], target.register(), target.register()
    assert ended.post("/auth/logout").status_code == 204
    token = user.access_token
    bad = {
        "garbage": "garbage",
        "an unsigned token": unsigned(token),
        "another user under the old signature": resigned(token, sub=ended.id),
        "a token of an ended session": ended.access_token,
        "a refresh token": user.refresh_token[:1000],
        "two tokens": f"{token}.{token}",
    }
    raw: dict[str, dict[str, Any]] = {
        "no token": {},
        "the subprotocol alone": {"subprotocols": ["dreamvision"]},
        "another subprotocol": {"subprotocols": ["graphql-ws", f"bearer.{token}"]},
        "the token alone": {"subprotocols": [f"bearer.{token}"]},
        "two tokens in subprotocols": {"subprotocols": ["dreamvision", f"bearer.{token}", "bearer.a.b.c"]},
        "Basic": {"additional_headers": {"Authorization": f"Basic {token}"}},
        "a cookie": {"additional_headers": {"Cookie": f"access_token={token}"}},
        "claims in a header": {"additional_headers": {"x-amzn-claims": json.dumps({"sub": user.id})}},
    }
    queries = ("token", "access_token", "Authorization", "jwt", "a")

    async def work() -> None:
        outcome.expect(await refusal(connection(url, token)) == 101, "a valid token is refused")
        for name, each in bad.items():
            for browser in (True, False):
                status = await refusal(connection(url, each, browser=browser))
                outcome.expect(status in (401, 403), f"{name}: {status}")
        for name, options in raw.items():
            status = await refusal(connect(url, proxy=None, open_timeout=60, **options))
            outcome.expect(status in (401, 403), f"{name}: {status}")
        for name in queries:
            status = await refusal(connection(f"{url}?{name}={token}", token))
            outcome.expect(status in (401, 403), f"a token in the URL as {name}: {status}")

    _run(work)


_MESSAGES: dict[str, tuple[str | bytes, str]] = {
    "not JSON": ("not json", "malformed"),
    "a list": ("[1]", "malformed"),
    "null": ("null", "malformed"),
    "deep": ("[" * 2000, "malformed"),
    "a huge number": ('{"action": ' + "9" * 4000 + "}", "unknown_action"),
    "an unknown action": ('{"action": "dance"}', "unknown_action"),
    "an object as action": ('{"action": {"a": 1}}', "unknown_action"),
    "$connect": ('{"action": "$connect", "user_id": "x"}', "unknown_action"),
    "$disconnect": ('{"action": "$disconnect"}', "unknown_action"),
    "no time": ('{"action": "sync", "since": "yesterday"}', "invalid_since"),
    "a time in the future": ('{"action": "sync", "since": "2999-01-01T00:00:00Z"}', "invalid_since"),
    "an object as time": ('{"action": "sync", "since": {"$gt": ""}}', "invalid_since"),
    "5 KB": ('{"action": "ping", "x": "' + "y" * 5_000 + '"}', "too_large"),
    "100 KB": ('{"action": "ping", "x": "' + "y" * 100_000 + '"}', "too_large"),
    "5 KB in emoji": ('{"action": "ping", "x": "' + "🌙" * 1_300 + '"}', "too_large"),
    "a binary message": (b"\xff\xfe\x00", "malformed"),
}
# The emulator takes these routes for its own; API Gateway calls the default route.
_OF_GATEWAY = ("$connect", "$disconnect")


@attack("messages: malformed, large, of the gateway's own routes", remote=True)
def messages(target: Target, outcome: Outcome) -> None:
    user, other = target.register(), target.register()

    async def work() -> None:
        async with listening(target.outputs["websocket_url"], user) as socket:
            for name, (message, code) in _MESSAGES.items():
                await socket.socket.send(message)
                if name in _OF_GATEWAY:
                    continue
                (answer,) = await socket.answer("error")
                outcome.expect(answer["code"] == code, f"{name}: {answer['code']}")
            await socket.say(action="sync", since="2026-01-01T00:00:00Z", user_id=other.id)
            (synced,) = await socket.answer("synced")
            outcome.expect(synced["count"] == 0, "sync for another user")
            await socket.say(action="ping")
            outcome.expect((await socket.answer("pong"))[-1]["type"] == "pong", "the connection has ended")

    _run(work)


@attack("a frame above API Gateway's limit", remote=True)
def big_frames(target: Target, outcome: Outcome) -> None:
    user = target.register()

    async def ended(socket: ClientConnection) -> bool:
        try:
            async with asyncio.timeout(_SECONDS):
                while True:
                    await socket.recv()
        except ConnectionClosed:
            return True

    async def work() -> None:
        frames: dict[str, str | bytes] = {"text": "x" * 140_000, "binary": b"x" * 140_000}
        for name, message in frames.items():
            async with connection(target.outputs["websocket_url"], user.access_token) as socket:
                await socket.send(message)
                outcome.expect(await ended(socket), f"{name} of 140 KB leaves the connection open")

    _run(work)


@attack("a flood of messages, and of connections", remote=True)
def floods(target: Target, outcome: Outcome) -> None:
    user, other = target.register(), target.register()
    url = target.outputs["websocket_url"]

    async def flooded(socket: Listener) -> None:
        for _ in range(100):
            await socket.say(action="ping")
        await socket.wait_for(lambda each: len(each.heard) >= 100)

    async def work() -> None:
        async with listening(url, user) as one:
            await flooded(one)
            outcome.tries += 99
            outcome.expect({each["type"] for each in one.messages} == {"pong"}, "a flood has other answers")
        async with AsyncExitStack() as open_ones:
            for _ in range(MAX_CONNECTIONS):
                await open_ones.enter_async_context(connection(url, user.access_token))
            for _ in range(3):
                status = await refusal(connection(url, user.access_token))
                outcome.expect(status in (403, 429), f"connection {MAX_CONNECTIONS + 1}: {status}")
            outcome.expect(await refusal(connection(url, other.access_token)) == 101, "another user is refused")

    _run(work)


@attack("sockets whose token expires or whose session ends")
def expiry(target: Target, outcome: Outcome) -> None:
    table = target.control.tables.Table(target.outputs["tables"]["connections"])

    def age(user: User) -> None:
        for row in target.control.rows("connections", user.id):
            table.update_item(
                Key={"user_id": user.id, "connection_id": row["connection_id"]},
                UpdateExpression="SET #exp = :past",
                ExpressionAttributeNames={"#exp": "exp"},
                ExpressionAttributeValues={":past": int(time.time()) - 1},
            )

    async def work() -> None:
        for name in ("an expired token", "an ended session"):
            user = await asyncio.to_thread(target.register)
            async with listening(target.outputs["websocket_url"], user) as socket:
                await socket.say(action="ping")
                await socket.answer("pong")
                if name == "an expired token":
                    age(user)
                    again = user
                else:
                    again = await asyncio.to_thread(target.sign_in, user)
                    await asyncio.to_thread(user.post, "/auth/logout")
                dream = {"dream_text": "I was flying over a dark forest with twisted trees"}
                answer = await asyncio.to_thread(again.post, "/dreams/analyze", dream)
                assert answer.status_code == 200
                await socket.wait_for(lambda each: each.closed)
                told = [each["type"] for each in socket.messages if each["type"] not in ("pong", "reconnect")]
                outcome.expect(told == [], f"a socket with {name} was sent {told}")

    _run(work)
