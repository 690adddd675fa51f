"""A client of the WebSocket API for tests: connects as an app does, and records messages and their times."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.e2e.client import User

type Message = dict[str, Any]

# Every closing invokes a function. Of many at once each would get a worker of its own, which takes half a second of a
# processor to start; one after another they share a few.
_PACE_SECONDS = 0.1


class Heard(NamedTuple):
    """A message and the time of its arrival (Unix seconds)."""

    message: Message
    at: float

    @property
    def delay(self) -> float:
        """Return the seconds from the change of the row to the arrival of its message."""
        return self.at - datetime.fromisoformat(self.message["updated_at"]).timestamp()


class Listener:
    """One open connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Heard] = []
        self._changed = asyncio.Event()
        self.closed = False

    @property
    def messages(self) -> list[Message]:
        return [heard.message for heard in self.heard]

    def statuses(self, job_id: str) -> list[str]:
        return [each["status"] for each in self.messages if each.get("job_id") == job_id and "status" in each]

    async def listen(self) -> None:
        try:
            async for text in self.socket:
                self.heard.append(Heard(json.loads(text), time.time()))
                self._changed.set()
        except ConnectionClosed:
            pass
        self.closed = True
        self._changed.set()

    async def say(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def wait_for(self, done: Callable[["Listener"], bool], seconds: float = 60) -> None:
        """Wait until ``done``; after ``seconds``, fail with all messages."""
        try:
            async with asyncio.timeout(seconds):
                while not done(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not heard within {seconds} s: {self.messages}") from None

    async def wait_for_completed(self, job_ids: set[str], seconds: float = 60) -> None:
        """Wait for the messages that all of these videos are completed."""
        await self.wait_for(lambda each: all("completed" in each.statuses(job_id) for job_id in job_ids), seconds)

    async def answer(self, kind: str) -> list[Message]:
        """Return the next messages, up to one of this kind."""
        start = len(self.heard)
        await self.wait_for(lambda each: any(message["type"] == kind for message in each.messages[start:]))
        return self.messages[start:]

    async def sync(self, since: str) -> list[Message]:
        """Send ``sync`` and return its reply, including the final message."""
        await self.say(action="sync", since=since)
        return await self.answer("synced")


@asynccontextmanager
async def listening(url: str, user: User, *, browser: bool = True) -> AsyncIterator[Listener]:
    """Connect as a browser does (the token as a subprotocol), or as React Native does (as a header)."""
    async with connection(url, user.access_token, browser=browser) as socket:
        listener = Listener(socket)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            await socket.close()
            await task
            await asyncio.sleep(_PACE_SECONDS)


def connection(url: str, token: str, *, browser: bool = True) -> connect:
    """Return the handshake, to be entered."""
    # Twice API Gateway's own limit of 30 s for a handshake, for a loaded machine.
    options: dict[str, Any] = {"proxy": None, "open_timeout": 60, "ping_interval": None}
    if browser:
        return connect(url, subprotocols=["dreamvision", f"bearer.{token}"], **options)  # type: ignore[list-item]
    return connect(url, additional_headers={"Authorization": f"Bearer {token}"}, **options)


async def refusal(handshake: connect) -> int:
    """Return the status of a rejected handshake; 101 if it is accepted."""
    try:
        async with handshake:
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
