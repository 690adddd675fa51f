"""A restart of the local stack keeps what it had."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.client import DREAM, PASSWORD, ControlPlane, User, fetch, register
from tests.e2e.listener import listening
from tests.e2e.secrets_recorder import SecretsRecorder
from tests.e2e.shared_stack import StackCommand

# All of 127.0.0.0/8 is this machine.
HOST = "127.0.0.2"


@pytest.fixture
def running_stack(built_stack: StackCommand) -> Iterator[StackCommand]:
    """A running stack, whose clients are on another machine, as far as it can tell."""
    built_stack.environment["LOCAL_HOST"] = HOST
    built_stack.start()
    yield built_stack
    built_stack.run("down")


def test_a_restart_keeps_users_dreams_and_videos(running_stack: StackCommand, recorder: SecretsRecorder) -> None:
    # GIVEN a completed video, whose changes have passed through the tables' streams
    outputs = running_stack.outputs()
    with recorder.client(base_url=outputs["api_url"], timeout=45, trust_env=False) as http:
        user = register(http)
        job_id = user.create_video(DREAM)["video_generation"]["job_id"]
        assert user.wait_for_video(job_id)["status"] == "completed"

        # AND a used refresh token
        refreshed = http.post("/api/v1/auth/refresh", json={"refresh_token": user.refresh_token}).json()

        # WHEN the stack is stopped and started
        assert running_stack.run("down").returncode == 0
        assert not (running_stack.folder / "outputs.json").exists()
        started = running_stack.run("up")
        assert started.returncode == 0, started.stderr
        assert "sam deploy" not in started.stdout, "what is deployed already is not deployed again"
        assert running_stack.outputs() == outputs

        # THEN the user signs in, the video is there and plays, and new dreams work
        answer = http.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD})
        assert answer.status_code == 200
        user.access_token = answer.json()["access_token"]
        video = user.video(job_id)
        assert video["status"] == "completed"
        assert fetch(video["video_url"]).content[4:8] == b"ftyp"
        assert fetch(video["thumbnail_url"]).content[:2] == b"\xff\xd8"
        assert {urlsplit(video[name]).hostname for name in ("video_url", "thumbnail_url")} == {HOST}
        assert asyncio.run(_statuses_of_a_new_video(user, outputs)) == ["pending", "processing", "completed"]

        # AND a refresh token that was used before the restart is treated as stolen after its grace period
        control = ControlPlane(outputs)
        control.client("cognito-idp").update_user_pool_client(
            UserPoolId=outputs["user_pool_id"],
            ClientId=outputs["user_pool_client_id"],
            RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
        )
        for token in (user.refresh_token, refreshed["refresh_token"]):
            answer = http.post("/api/v1/auth/refresh", json={"refresh_token": token})
            assert (answer.status_code, answer.json()["type"]) == (401, "urn:dreamvision:problem:invalid_refresh_token")
        assert user.get("/auth/me").status_code == 401, "the user is signed out everywhere"

    # AND no log of this stack holds a secret or anything personal
    files = (file.read_text(errors="replace").splitlines() for file in Path(outputs["logs"]).glob("*.log"))
    lines = [*control.log_lines(), *(line for lines in files for line in lines)]
    assert list(recorder.leaks(lines))[:5] == []


async def _statuses_of_a_new_video(user: User, outputs: dict[str, Any]) -> list[str]:
    """Create a video while listening, and return the statuses that were pushed, from the very first change on."""
    async with listening(outputs["websocket_url"], user) as page:
        created = await asyncio.to_thread(
            user.create_video, "I was swimming through the corridors of an endless school"
        )
        job_id = created["video_generation"]["job_id"]
        await page.wait_for(lambda each: "completed" in each.statuses(job_id))
        return list(dict.fromkeys(page.statuses(job_id)))
