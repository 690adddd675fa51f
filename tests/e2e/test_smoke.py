"""The smoke test that follows a deploy, against the local stack."""

import os
import subprocess
import sys
from typing import Any

import httpx

from local.settings import REPOSITORY
from tests.e2e.client import PASSWORD, User


def smoke(stack: dict[str, Any], *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.smoke", "--url", stack["api_url"], *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_registered_user_makes_a_video_and_is_deleted(stack: dict[str, Any]) -> None:
    done = smoke(stack, "--register", "--film")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.split() == [
        word
        for check in ("health", "documentation", "refusals", "sign-in", "lists", "film", "refresh", "sign-out")
        for word in ("ok", check)
    ]


def test_an_existing_user_is_kept(stack: dict[str, Any], http: httpx.Client, user: User) -> None:
    done = smoke(stack, SMOKE_EMAIL=user.email, SMOKE_PASSWORD=PASSWORD)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert http.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}).status_code == 200


def test_a_failed_check_fails_the_command(stack: dict[str, Any], user: User) -> None:
    done = smoke(stack, SMOKE_EMAIL=user.email, SMOKE_PASSWORD="Wrong-Password-1")
    assert done.returncode == 1
    assert "FAILED  POST /api/v1/auth/login: 401 instead of 200" in done.stderr
    assert user.email not in done.stdout + done.stderr
