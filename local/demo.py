"""The demo: registers a user, sends a dream, shows its progress and saves the video. It uses only the HTTP API."""

import os
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from local.progress import console, step
from local.settings import REPOSITORY, Settings
from local.stack import commands

DEFAULT_DREAM = (
    "I was flying over a dark forest with twisted trees, and far below a river of lanterns was carrying "
    "everyone I have ever loved towards the sea."
)
_POLL_SECONDS = 0.5
_TIMEOUT_SECONDS = 900
_DURATION_SECONDS = 5


class DemoError(Exception):
    """The demo failed. The message is shown to the user."""


def run(settings: Settings) -> int:
    """Run the demo. It stops the stack at the end only if it has started it."""
    console.print("\n[bold]DreamVision[/bold]: turns a dream into a video\n")
    outputs, started = commands.up(settings)
    try:
        with httpx.Client(base_url=outputs["api_url"], timeout=40, trust_env=False) as http:
            _create_video(http, outputs, os.environ.get("DREAM") or DEFAULT_DREAM)
    finally:
        if started:
            with step("Stopping the local stack (its data is kept)"):
                commands.down(settings)
    _print_next_steps(outputs, started)
    return 0


def _create_video(http: httpx.Client, outputs: dict[str, Any], dream: str) -> None:
    with step("Registering a user"):
        http.headers["Authorization"] = f"Bearer {_register(http, outputs)}"
    console.print(f"\n  “{dream}”\n", markup=False, style="italic")
    with step("Sending the dream (POST /api/v1/dreams/generate-video)"):
        body = {"dream_text": dream, "duration": _DURATION_SECONDS}
        accepted = _call(
            http, outputs, "POST", "/api/v1/dreams/generate-video", body, headers={"Prefer": "respond-async"}
        )
    video = _wait_for_video(http, outputs, accepted["dream_id"], accepted["job_id"])
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
    response = http.request(method, path, json=body, headers=headers)
    if response.is_success:
        content: dict[str, Any] = response.json()
        return content
    problem = response.json()
    errors = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.get("errors", [])]
    reason = problem.get("detail") or problem.get("message") or ""
    raise DemoError(
        f"{method} {path} returned {response.status_code}: {problem.get('title', '')}. {reason} {'; '.join(errors)}\n"
        f"Logs: {outputs['logs']}"
    )


def _wait_for_video(http: httpx.Client, outputs: dict[str, Any], dream_id: str, job_id: str) -> dict[str, Any]:
    """Show the video's status until it is completed, and return the video.

    Raises:
        DemoError: the video has failed, or is not completed after 15 minutes.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<12}"),
        BarColumn(40),
        TextColumn("{task.percentage:>3.0f} %"),
    )
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    analyzed = False
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        bar = progress.add_task("analyzing", total=100)
        while time.monotonic() < deadline:
            analyzed = analyzed or _show_analysis(_call(http, outputs, "GET", f"/api/v1/dreams/{dream_id}"))
            video = _call(http, outputs, "GET", f"/api/v1/videos/{job_id}")
            status = video["status"] if analyzed else "analyzing"
            progress.update(bar, completed=video["progress"], description=status)
            if video["status"] == "completed":
                return video
            if video["status"] in ("failed", "cancelled"):
                raise DemoError(
                    f"The status of the video is {video['status']!r}: {video['error_message']}\nLogs: {outputs['logs']}"
                )
            time.sleep(_POLL_SECONDS)
    raise DemoError(f"The video was not completed within {_TIMEOUT_SECONDS} s.\nLogs: {outputs['logs']}")


def _show_analysis(dream: dict[str, Any]) -> bool:
    if dream["analysis_status"] != "completed":
        return False
    console.print(f"    category  [bold]{dream['category']}[/bold] (confidence {dream['confidence']:.0%})")
    console.print(f"    title     {dream['title']}", markup=False)
    console.print(f"    prompt    {dream['video_prompt']}\n", markup=False)
    return True


def _save(url: str, name: str) -> Path:
    path = REPOSITORY / name
    with httpx.stream("GET", url, timeout=60, trust_env=False) as response, path.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            file.write(chunk)
    return path


def _print_next_steps(outputs: dict[str, Any], started: bool) -> None:
    console.print("  Next steps:")
    console.print('    DREAM="I was late and the stairs kept melting" make demo', markup=False)
    if started:
        console.print("    make up      keep the stack running, with a web page, the API and a test user")
    else:
        console.print(f"    {outputs['page_url']}    the web page of the running stack")
    console.print("    make help    list all commands\n")


def print_addresses(settings: Settings, outputs: dict[str, Any]) -> None:
    """Print the running stack's addresses and a test user's credentials."""
    console.print(f"  page         {outputs['page_url']}")
    console.print(f"  API          {outputs['api_url']}/api/v1/health")
    console.print(f"  docs         {outputs['docs_url']}")
    console.print(f"  WebSocket    {outputs['websocket_url']}")
    console.print(
        f'  AWS          {outputs["endpoint_url"]}  (set AWS_ENDPOINT_URL; access key and secret key are "test")',
        markup=False,
    )
    email, password = _register_test_user(outputs)
    console.print(f"  test user    {email}  {password}", markup=False)
    console.print(f"  mailbox      {outputs['mailbox_url']}  (e-mails with codes)")
    if parameters := outputs["settings"]["PARAMETERS"]:
        console.print(f"  parameters   {parameters}", markup=False)
    console.print(f"  outputs      {settings.outputs_file}")
    console.print(f"  logs         {outputs['logs']}")
    console.print("  to stop      make down")


def _register_test_user(outputs: dict[str, Any]) -> tuple[str, str]:
    """Register the test user unless it exists, and return its email address and password."""
    user = {"email": "dreamer@example.com", "password": "Sweet-Dreams-1", "username": "dreamer"}
    response = httpx.post(f"{outputs['api_url']}/api/v1/auth/register", json=user, timeout=40, trust_env=False)
    if response.status_code not in (200, 409):
        raise DemoError(f"The test user could not be registered ({response.status_code}).\nLogs: {outputs['logs']}")
    return user["email"], user["password"]
