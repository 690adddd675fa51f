"""The demo: a user registers, tells a dream, watches its progress and gets the video. Over HTTP, as the app does it."""

import os
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from local.progress import console, step
from local.settings import REPOSITORY, Settings
from local.stack import commands as stack

DEFAULT_DREAM = (
    "I was flying over a dark forest with twisted trees, and far below a river of lanterns was carrying "
    "everyone I have ever loved towards the sea."
)
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 900
_DURATION_SECONDS = 5


class DemoError(Exception):
    """The demo could not go on; the message is for a person."""


def run(settings: Settings) -> int:
    """The whole demo. A stack that it has started is stopped at the end; one that was running goes on."""
    console.print("\n[bold]DreamVision[/bold]: a dream becomes a video\n")
    outputs, started = stack.up(settings)
    try:
        with httpx.Client(base_url=outputs["api_url"], timeout=40, trust_env=False) as http:
            _tell_and_watch(http, outputs, os.environ.get("DREAM") or DEFAULT_DREAM)
    finally:
        if started:
            with step("Stopping the local stack (its data is kept)"):
                stack.down(settings)
    _print_how_to_go_on(outputs, started)
    return 0


def _tell_and_watch(http: httpx.Client, outputs: dict[str, Any], dream: str) -> None:
    with step("Registering a user"):
        http.headers["Authorization"] = f"Bearer {_register(http, outputs)}"
    console.print(f"\n  “{dream}”\n", markup=False, style="italic")
    with step("Telling the dream (POST /api/v1/dreams/generate-video)"):
        told = {"dream_text": dream, "duration": _DURATION_SECONDS}
        accepted = _call(
            http, outputs, "POST", "/api/v1/dreams/generate-video", told, headers={"Prefer": "respond-async"}
        )
    video = _watch(http, outputs, accepted["dream_id"], accepted["job_id"])
    with step("Saving the video and its thumbnail"):
        saved = [_save(video["video_url"], "dream.mp4"), _save(video["thumbnail_url"], "dream.jpg")]
    console.print()
    for path in saved:
        console.print(f"  {path}  [dim]({path.stat().st_size / 1000:.0f} kB)[/dim]")
    console.print()


def _register(http: httpx.Client, outputs: dict[str, Any]) -> str:
    name = f"dreamer-{secrets.token_hex(4)}"
    body = {"email": f"{name}@example.com", "password": f"Sleepy-{secrets.token_hex(8)}-1A", "username": name}
    return str(_call(http, outputs, "POST", "/api/v1/auth/register", body)["access_token"])


def _call(
    http: httpx.Client,
    outputs: dict[str, Any],
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    answer = http.request(method, path, json=body, headers=headers)
    if answer.is_success:
        found: dict[str, Any] = answer.json()
        return found
    problem = answer.json()
    reason = problem.get("detail") or problem.get("message") or ""
    places = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in problem.get("errors", []))
    raise DemoError(
        f"{method} {path} answered {answer.status_code}: {problem.get('title', '')}. {reason} {places}\n"
        f"The logs are in {outputs['logs']}."
    )


def _watch(http: httpx.Client, outputs: dict[str, Any], dream_id: str, job_id: str) -> dict[str, Any]:
    """Shows the video's status until it is final. Raises ``DemoError`` when there is no video in the end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(40),
        TextColumn("{task.percentage:>3.0f} %"),
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    analyzed = False
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("analysing", total=100)
        while time.monotonic() < deadline:
            analyzed = analyzed or _show_analysis(_call(http, outputs, "GET", f"/api/v1/dreams/{dream_id}"))
            video = _call(http, outputs, "GET", f"/api/v1/videos/{job_id}")
            status = video["status"] if analyzed else "analysing"
            progress.update(bar, completed=video["progress"], description=status)
            if video["status"] == "completed":
                return video
            if video["status"] in ("failed", "cancelled"):
                raise DemoError(
                    f"The video {video['status']}: {video['error_message']}\nThe logs are in {outputs['logs']}."
                )
            time.sleep(_POLL_SECONDS)
    raise DemoError(f"The video was not there after {_PATIENCE_SECONDS} s. The logs are in {outputs['logs']}.")


def _show_analysis(dream: dict[str, Any]) -> bool:
    if dream["analysis_status"] != "completed":
        return False
    console.print(f"    category  [bold]{dream['category']}[/bold] ({dream['confidence']:.0%} sure)")
    console.print(f"    prompt    {dream['video_prompt']}\n", markup=False)
    return True


def _save(url: str, name: str) -> Path:
    path = REPOSITORY / name
    with httpx.stream("GET", url, timeout=60, trust_env=False) as answer, path.open("wb") as file:
        answer.raise_for_status()
        for part in answer.iter_bytes():
            file.write(part)
    return path


def _print_how_to_go_on(outputs: dict[str, Any], started: bool) -> None:
    console.print("  How to go on:")
    console.print('    DREAM="I was late and the stairs kept melting" make demo', markup=False)
    if started:
        console.print(
            "    make up      leaves the same stack running: a page to look at, the API, a user to sign in with"
        )
    else:
        console.print(f"    {outputs['page_url']}    the page of the running stack: tell dreams, watch them, look back")
    console.print("    make help    shows everything else\n")


def print_addresses(settings: Settings, outputs: dict[str, Any]) -> None:
    """Where the running stack is, and a user to try it with."""
    console.print(f"  page         {outputs['page_url']}")
    console.print(f"  API          {outputs['api_url']}/api/v1/health")
    console.print(f"  docs         {outputs['docs_url']}")
    console.print(f"  live         {outputs['websocket_url']}")
    console.print(
        f"  AWS          {outputs['endpoint_url']}  (any client, with AWS_ENDPOINT_URL and the keys test/test)"
    )
    email, password = _test_user(outputs)
    console.print(f"  test user    {email}  {password}", markup=False)
    console.print(f"  outputs      {settings.outputs_file}")
    console.print(f"  logs         {outputs['logs']}")
    console.print("  stop it      make down")


def _test_user(outputs: dict[str, Any]) -> tuple[str, str]:
    user = {"email": "dreamer@example.com", "password": "Sweet-Dreams-1", "username": "dreamer"}
    answer = httpx.post(f"{outputs['api_url']}/api/v1/auth/register", json=user, timeout=40, trust_env=False)
    if answer.status_code not in (200, 409):
        raise DemoError(f"The test user could not be made ({answer.status_code}). The logs are in {outputs['logs']}.")
    return user["email"], user["password"]
