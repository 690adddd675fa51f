"""Live updates over a real WebSocket: authorization, messages and their delay, and isolation of users."""

import asyncio
import statistics
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.dreams.repository import DreamRepository
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media
from tests.e2e.client import PASSWORD, ControlPlane, User, register, wait_for
from tests.e2e.listener import Listener, Message, connection, listening, refusal
from tests.e2e.shared_stack import StackCommand
from tests.e2e.test_tokens import claims_of, forger_of, id_token, resigned, unsigned
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.token_issuer import COGNITO_SCOPE

SOCKETS_PER_USER, USERS, VIDEOS_PER_USER = 5, 10, 2


@pytest.fixture
def url(stack: dict[str, Any]) -> str:
    return str(stack["websocket_url"])


async def request_video(user: User) -> str:
    """Request a video without waiting for its analysis. Return its id."""
    answer = await asyncio.to_thread(
        user.post,
        "/dreams/generate-video",
        {"dream_text": "I was flying over a dark forest with twisted trees", "duration": 5},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


def last_of_each(messages: list[Message]) -> list[Message]:
    """Return the last message of each dream and video. Live ones, which repeat an answer's, may come at any moment."""
    found: dict[tuple[Any, Any], Message] = {}
    for message in messages:
        key = (message["type"], message.get("job_id") or message["dream_id"])
        found.pop(key, None)
        found[key] = message
    return list(found.values())


async def eventually(done: Any, seconds: float = 30) -> None:
    await asyncio.to_thread(wait_for, done, bool, seconds)


# -------------------------------------------------------------------- authorization


def test_a_token_may_be_a_subprotocol_or_a_header(url: str, user: User) -> None:
    async def scenario() -> None:
        async with listening(url, user, browser=True) as page, listening(url, user, browser=False) as app:
            assert page.socket.subprotocol == "dreamvision"
            assert app.socket.subprotocol is None
            for each in (page, app):
                await each.say(action="ping")
                assert await each.answer("pong") == [{"type": "pong"}]

    asyncio.run(scenario())


def test_invalid_tokens_are_rejected(
    url: str, user: User, http: httpx.Client, control: ControlPlane, local: StackCommand
) -> None:
    token = user.access_token
    left = register(http)
    assert left.post("/auth/logout").status_code == 204
    bad = {
        "garbage": "garbage",
        "unsigned": unsigned(token),
        "changed": resigned(token, sub=left.id),
        "ID token": id_token(user, control),
        "Cognito's scope": forger_of(local, user).signed(scope=COGNITO_SCOPE),
        "logged out": left.access_token,
    }

    async def scenario() -> None:
        for name, each in bad.items():
            for browser in (True, False):
                assert (name, await refusal(connection(url, each, browser=browser))) == (name, 403)
        assert await refusal(connect(url, proxy=None)) == 403
        assert await refusal(connect(url, proxy=None, subprotocols=["dreamvision"])) == 403  # type: ignore[list-item]
        # A token in the URL is rejected, even with a valid one elsewhere.
        assert await refusal(connect(f"{url}?token={token}", proxy=None)) == 403
        assert await refusal(connection(f"{url}?access_token={token}", token)) == 403

    asyncio.run(scenario())
    assert control.rows("connections", user.id) == []


def test_tokens_are_not_logged(url: str, user: User, control: ControlPlane) -> None:
    async def scenario() -> None:
        async with listening(url, user) as page:
            await page.say(action="ping")
            await page.answer("pong")

    asyncio.run(scenario())
    assert not [line for line in control.log_lines() if user.access_token in line]


# -------------------------------------------------------------------- messages


def test_only_the_user_of_a_dream_receives_its_updates(url: str, user: User, other_user: User) -> None:
    async def scenario() -> None:
        async with listening(url, user) as page, listening(url, user, browser=False) as app:
            async with listening(url, other_user) as stranger:
                job_id = await request_video(user)
                for each in (page, app):
                    await each.wait_for(lambda heard: "completed" in heard.statuses(job_id))
                assert stranger.messages == []

            for each in (page, app):
                statuses = each.statuses(job_id)
                assert list(dict.fromkeys(statuses)) == ["pending", "processing", "completed"]
                progress = [message["progress"] for message in each.messages if message["type"] == "video.updated"]
                assert progress == sorted(progress)
                (analyzed,) = [message for message in each.messages if message["type"] == "dream.analyzed"]
                assert (analyzed["job_id"], analyzed["category"]) == (job_id, "flight")
            last = page.messages[-1]
            assert httpx.get(last["video_url"], trust_env=False).content[4:8] == b"ftyp"
            assert httpx.get(last["thumbnail_url"], trust_env=False).content[:2] == b"\xff\xd8"
            shown = user.video(job_id)
            assert [last[name] for name in ("thumbnail_url", "preview_url")] == [
                shown["thumbnail_url"], shown["preview_url"]
            ]  # fmt: skip

    asyncio.run(scenario())


def test_an_analysis_without_a_video_is_announced(url: str, user: User) -> None:
    async def scenario() -> None:
        async with listening(url, user) as page:
            body = {"dream_text": "I was flying over a dark forest with twisted trees"}
            answer = await asyncio.to_thread(user.post, "/dreams/analyze", body)
            assert answer.status_code == 200
            await page.wait_for(lambda each: bool(each.messages))
            (message,) = page.messages
            assert message["type"] == "dream.analyzed"
            assert message["dream_id"] == answer.json()["dream_id"]
            assert message["video_prompt"] == answer.json()["video_prompt"]

    asyncio.run(scenario())


def test_sync_returns_what_a_disconnected_client_missed(url: str, user: User, other_user: User) -> None:
    async def scenario() -> None:
        async with listening(url, user) as page:
            (start,) = await page.sync("2026-01-01T00:00:00Z")
            assert (start["count"], start["truncated"]) == (0, False)
            first = await request_video(user)
            await page.wait_for(lambda each: first in {message.get("job_id") for message in each.messages})
        # WHEN everything else happens while no client is connected
        second = await request_video(user)
        await request_video(other_user)
        for job_id in (first, second):
            await asyncio.to_thread(user.wait_for_video, job_id)
        # THEN the client receives all of it on reconnecting, and nothing of other users
        async with listening(url, user) as page:
            *received, end = await page.sync(start["next_since"])
            events = last_of_each(received)
            videos = {each["job_id"]: each for each in events if each["type"] == "video.updated"}
            assert {job_id: video["status"] for job_id, video in videos.items()} == {
                first: "completed",
                second: "completed",
            }
            assert all(video["video_url"] for video in videos.values())
            assert len([each for each in events if each["type"] == "dream.analyzed"]) == 2
            assert (end["count"], end["truncated"]) == (4, False)
            assert [each["updated_at"] for each in events] == sorted(each["updated_at"] for each in events)

    asyncio.run(scenario())


def test_invalid_messages_leave_the_connection_open(url: str, user: User) -> None:
    async def scenario() -> None:
        async with listening(url, user) as page:
            texts = {
                "not json": "malformed",
                "[1]": "malformed",
                '{"action": "dance"}': "unknown_action",
                '{"action": {"a": 1}}': "unknown_action",
                '{"action": "sync", "since": "yesterday"}': "invalid_since",
                '{"action": "ping", "x": "' + "y" * 5000 + '"}': "too_large",
            }
            for text, code in texts.items():
                await page.socket.send(text)
                (answer,) = await page.answer("error")
                assert (text[:40], answer["code"]) == (text[:40], code)
            # A client cannot invoke the gateway's own routes.
            await page.say(action="$disconnect")
            await page.say(action="$connect")
            await page.say(action="ping")
            await page.answer("pong")
            job_id = await request_video(user)
            await page.wait_for(lambda each: "pending" in each.statuses(job_id))

    asyncio.run(scenario())


# -------------------------------------------------------------------- closed connections


def test_signing_out_closes_only_the_sessions_connections(url: str, user: User, http: httpx.Client) -> None:
    async def scenario() -> None:
        answer = await asyncio.to_thread(
            http.post, "/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}
        )
        second = User(http, user.id, user.email, user.username, answer.json()["access_token"], "")
        async with listening(url, user) as ended, listening(url, second) as other:
            assert (await asyncio.to_thread(user.post, "/auth/logout")).status_code == 204
            job_id = await request_video(second)
            await ended.wait_for(lambda each: each.closed)
            await other.wait_for(lambda each: "completed" in each.statuses(job_id))
            assert not other.closed
            assert ended.messages == []

    asyncio.run(scenario())


def test_a_connection_ends_with_its_token(url: str, user: User, control: ControlPlane) -> None:
    table = control.tables.Table(control.outputs["tables"]["connections"])

    async def scenario() -> None:
        async with listening(url, user) as expired:
            # GIVEN a token that expires, in the row of its connection, and the connection of a later one
            (row,) = control.rows("connections", user.id)
            assert row["exp"] == claims_of(user.access_token)["exp"]
            table.put_item(Item={**row, "exp": int(time.time())})
            async with listening(url, user) as other:
                # WHEN there is a message
                job_id = await request_video(user)
                # THEN the first is told to reconnect instead, and closed
                await expired.wait_for(lambda each: each.closed)
                assert expired.messages == [{"type": "reconnect", "code": 4001}]
                await other.wait_for(lambda each: "pending" in each.statuses(job_id))
                assert not other.closed
        await asyncio.to_thread(user.wait_for_video, job_id)

    asyncio.run(scenario())


def test_closed_and_stale_connections_are_removed(url: str, user: User, control: ControlPlane) -> None:
    table = control.tables.Table(control.outputs["tables"]["connections"])

    async def scenario() -> None:
        # GIVEN a client, and the row of one that vanished without disconnecting
        async with listening(url, user) as page:
            (row,) = control.rows("connections", user.id)
            assert row["expires_at"] > time.time() + 2 * 3600
            lost = {**row, "connection_id": "bG9zdA==", "connected_at": "2026-01-01T00:00:00.000Z"}
            table.put_item(Item=lost)
            # WHEN there is a message
            job_id = await request_video(user)
            # THEN the connected one receives it, and the other is removed
            await page.wait_for(lambda each: "pending" in each.statuses(job_id))
            await eventually(lambda: len(control.rows("connections", user.id)) == 1)
        # AND a closed connection is removed as well
        await eventually(lambda: control.rows("connections", user.id) == [])
        await asyncio.to_thread(user.wait_for_video, job_id)

    asyncio.run(scenario())


def test_the_twenty_first_connection_is_refused(url: str, user: User) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as open_ones:
            for _ in range(20):
                await open_ones.enter_async_context(listening(url, user))
            # The emulator has one status for all rejections of $connect; API Gateway passes the function's 429 on.
            assert await refusal(connection(url, user.access_token)) == 403
        await eventually(lambda: asyncio.run(refusal(connection(url, user.access_token))) == 101)

    asyncio.run(scenario())


# -------------------------------------------------------------------- delay


def analyzed(listener: Listener) -> int:
    """Return the number of analyses that a client was sent."""
    return sum(message["type"] == "dream.analyzed" for message in listener.messages)


def live(videos: VideoLifecycle, dreams: DreamRepository, user_id: str) -> str:
    """Write all steps of a video to the tables, as the workflow's functions do. Return its id."""
    video = videos.add_with_dream(user_id, new_id(), new_id(), "I was flying over a dark forest", 5, utc_now())
    dreams.complete_analysis(user_id, video.dream_id, FakeAnalyzer().analyze("I was flying"), 900, utc_now())
    videos.request_render(user_id, video.job_id, utc_now())
    videos.record_render(user_id, video.job_id, f"task-of-{video.job_id}", 60, utc_now())
    for progress in (20, 60, 100):
        videos.record_progress(videos.get(user_id, video.job_id, consistent=True), progress, None, utc_now())
    media = Media(f"videos/{user_id}/{video.job_id}.mp4", "thumbnails/t/t.jpg", "thumbnails/t/t.webp", 1280, 720)
    videos.complete(videos.get(user_id, video.job_id, consistent=True), media, utc_now())
    return video.job_id


def test_fifty_connections_of_ten_users_receive_twenty_videos(
    url: str, http: httpx.Client, control: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    # Twenty workflows at once would measure how many workers this machine can start. Here their writes come all at
    # once, from the code that the workflow's functions call; streams, push and sockets are the stack's.
    database = control.database()
    videos, dreams = VideoLifecycle(database), DreamRepository(database)

    async def scenario() -> dict[str, list[Listener]]:
        users = [await asyncio.to_thread(register, http) for _ in range(USERS)]
        async with AsyncExitStack() as open_ones:
            listeners = {
                user.id: [
                    await open_ones.enter_async_context(listening(url, user, browser=number % 2 == 0))
                    for number in range(SOCKETS_PER_USER)
                ]
                for user in users
            }
            wanted = [user.id for user in users for _ in range(VIDEOS_PER_USER)]
            made = await asyncio.gather(*(asyncio.to_thread(live, videos, dreams, user_id) for user_id in wanted))
            for user_id, job_id in zip(wanted, made, strict=True):
                jobs[user_id].add(job_id)
            for user_id, own in listeners.items():
                for listener in own:
                    await listener.wait_for_completed(jobs[user_id], 120)
                    # The dreams have a stream of their own, which may lag.
                    await listener.wait_for(lambda each: analyzed(each) >= VIDEOS_PER_USER)
        for user_id, own in listeners.items():
            for listener in own:
                check(listener, jobs[user_id])
        return listeners

    def check(listener: Listener, jobs: set[str]) -> None:
        # Every step of the user's own videos once, and nothing of other users.
        assert {message["job_id"] for message in listener.messages} == jobs
        for job_id in jobs:
            own = [each for each in listener.messages if is_of(each, job_id)]
            assert list(dict.fromkeys(each["status"] for each in own)) == ["pending", "processing", "completed"]
            steps = [(each["status"], each["progress"]) for each in own]
            assert len(steps) == len(set(steps)), "something came twice"
            assert [progress for _, progress in steps] == sorted(progress for _, progress in steps)
        assert analyzed(listener) == VIDEOS_PER_USER

    jobs: dict[str, set[str]] = defaultdict(set)
    listeners = asyncio.run(scenario())
    heard = [each for own in listeners.values() for listener in own for each in listener.heard]
    completed = [each for each in heard if each.message.get("status") == "completed"]
    assert len(completed) == USERS * SOCKETS_PER_USER * VIDEOS_PER_USER
    with capsys.disabled():
        for name, found in (("all events", heard), ("completed", completed)):
            delays = sorted(each.delay for each in found)
            print(
                f"\n{name}: {len(delays)} deliveries, seconds from the row's updated_at: "
                f"median {statistics.median(delays):.2f}, p95 {delays[int(len(delays) * 0.95)]:.2f}, "
                f"max {delays[-1]:.2f}; within 2 s: {sum(delay <= 2 for delay in delays) / len(delays):.1%}",
                end="",
            )
        print()


def is_of(message: dict[str, Any], job_id: str) -> bool:
    return message["type"] == "video.updated" and bool(message["job_id"] == job_id)
