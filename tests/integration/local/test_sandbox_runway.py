"""The sandbox Runway, tested with the vendor's SDK."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import runwayml
from runwayml.lib import polling

from local.sandbox import RUNWAY_KEY
from local.sandbox.server import SandboxServers
from tests.conftest import REPOSITORY

HEADERS = {"authorization": f"Bearer {RUNWAY_KEY}", "x-runway-version": "2024-11-06"}
PROMPT = "POV gentle rise through golden clouds, silver birds drift past, weightless perspective shifts."
BODY = {"model": "gen4.5", "promptText": PROMPT, "ratio": "1280:720", "duration": 2}
TIMEOUT_SECONDS = 60.0


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[SandboxServers]:
    """The sandboxes. They reuse videos of few frames, except in tests of the videos themselves."""
    reuse = getattr(request, "param", True)
    with SandboxServers(render_seconds=0.3, claude_seconds=0.0, reuse_videos=reuse) as running:
        yield running


rendering_all_frames = pytest.mark.parametrize("servers", [False], ids=["all-frames"], indirect=True)


@pytest.fixture
def client(servers: SandboxServers) -> Iterator[runwayml.RunwayML]:
    servers.runway.reset()
    with runwayml.RunwayML(base_url=servers.runway_url, api_key=RUNWAY_KEY, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def raw(servers: SandboxServers) -> Iterator[httpx.Client]:
    servers.runway.reset()
    with httpx.Client(base_url=servers.runway_url, headers=HEADERS, timeout=10) as client:
        yield client


def create(raw: httpx.Client, markers: str = "", **changes: Any) -> httpx.Response:
    return raw.post("/v1/text_to_video", json={**BODY, "promptText": f"{PROMPT} {markers}".strip(), **changes})


def task_until(raw: httpx.Client, task_id: str, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Poll until ``done`` is true for the task. The timeout only keeps a broken server from hanging the test."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        task: dict[str, Any] = raw.get(f"/v1/tasks/{task_id}").json()
        if done(task):
            return task
        time.sleep(0.05)
    raise AssertionError("timed out waiting for the task")


def finished(raw: httpx.Client, markers: str = "", **changes: Any) -> dict[str, Any]:
    task_id = create(raw, markers, **changes).json()["id"]
    return task_until(raw, task_id, lambda task: "cost" in task)


def creates(raw: httpx.Client, contains: str = "") -> list[dict[str, Any]]:
    return raw.get("/_sandbox/requests", params={"contains": contains}).json()["creates"]  # type: ignore[no-any-return]


@rendering_all_frames
def test_sdk_gets_a_playable_video(client: runwayml.RunwayML, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "POLL_TIME", 0.1)
    monkeypatch.setattr(polling, "POLL_JITTER", 0.0)
    created = client.text_to_video.create(model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=5)
    assert created.to_dict()["estimatedCost"] == {"credits": 60}
    task = created.wait_for_task_output(timeout=TIMEOUT_SECONDS)
    assert task.status == "SUCCEEDED"
    assert task.cost.credits == 60
    (url,) = task.output
    reply = httpx.get(url)
    assert reply.headers["content-type"] == "video/mp4"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert 200_000 < len(reply.content) < 6_000_000
    assert_is_video(reply.content, 1280, 720, 5)


@rendering_all_frames
def test_portrait_video_has_the_requested_size_and_length(raw: httpx.Client) -> None:
    task = finished(raw, ratio="720:1280", duration=3)
    assert_is_video(httpx.get(task["output"][0]).content, 720, 1280, 3)


def assert_is_video(content: bytes, width: int, height: int, seconds: int) -> None:
    assert content.index(b"moov") < content.index(b"mdat"), "it must be playable before it is fully downloaded"
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, stream.pix_fmt) == (width, height, "yuv420p")
        assert stream.average_rate == 24
        frames = [frame.to_ndarray(format="gray").astype(np.float32) for frame in container.decode(stream)]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == seconds
    assert len(frames) == seconds * 24
    assert frames[0].mean() > 5, "it is never black"
    lit = frames[24:-12]
    assert all(frame.std() > 8 for frame in lit), "every frame shows something"
    assert all(np.abs(one - two).mean() > 0.05 for one, two in pairwise(lit)), "it always moves"


def test_task_goes_through_its_statuses(servers: SandboxServers) -> None:
    with SandboxServers(render_seconds=1.0) as slow, httpx.Client(base_url=slow.runway_url, headers=HEADERS) as raw:
        created = create(raw).json()
        assert created.keys() == {"id", "estimatedCost"}
        first = raw.get(f"/v1/tasks/{created['id']}").json()
        assert first.keys() == {"id", "createdAt", "status", "estimatedCost"}
        assert (first["status"], first["estimatedCost"]) == ("PENDING", {"credits": 24})
        running = task_until(raw, created["id"], lambda task: task["status"] == "RUNNING")
        assert running.keys() == {"id", "createdAt", "status", "progress", "estimatedCost"}
        later = task_until(raw, created["id"], lambda task: task.get("progress", 1) > running["progress"])
        assert 0 <= running["progress"] < 1
        assert later["status"] in ("RUNNING", "SUCCEEDED")
        done = task_until(raw, created["id"], lambda task: task["status"] == "SUCCEEDED")
        assert done.keys() == {"id", "createdAt", "status", "output", "cost"}
        times = raw.get(f"/_sandbox/tasks/{created['id']}").json()
        assert times["createdAt"] == done["createdAt"]
        assert times["createdAt"] < times["startedAt"] < times["finishedAt"]


@pytest.mark.parametrize(
    ("fault", "code", "credits"),
    [
        ("safety", "SAFETY.INPUT.TEXT", 24),
        ("output_safety", "SAFETY.OUTPUT.VIDEO", 24),
        ("internal", "INTERNAL", 0),
        ("bad_output", "INTERNAL.BAD_OUTPUT.CODE01", 0),
        ("null_failure", None, 0),
    ],
)
def test_failed_task_has_its_code_and_cost(raw: httpx.Client, fault: str, code: str | None, credits: int) -> None:
    task = finished(raw, f"[[runway:{fault}]]")
    assert task["status"] == "FAILED"
    assert task["failure"]
    assert task.get("failureCode") == code
    assert task["cost"] == {"credits": credits}


def test_cancelled_and_empty_output_faults_are_simulated(raw: httpx.Client) -> None:
    assert finished(raw, "[[runway:cancelled]]")["status"] == "CANCELLED"
    empty = finished(raw, "[[runway:empty_output]]")
    assert (empty["status"], empty["output"]) == ("SUCCEEDED", [])


@pytest.mark.parametrize(
    ("fault", "status"), [("throttled", "THROTTLED"), ("stuck", "RUNNING"), ("unknown_status", "MYSTERY")]
)
def test_unfinished_task_can_be_deleted(raw: httpx.Client, fault: str, status: str) -> None:
    task_id = create(raw, f"[[runway:{fault}]]").json()["id"]
    task = task_until(raw, task_id, lambda task: task["status"] == status)
    assert task["estimatedCost"] == {"credits": 24}
    assert raw.delete(f"/v1/tasks/{task_id}").status_code == 204
    gone = raw.get(f"/v1/tasks/{task_id}")
    assert (gone.status_code, gone.json()) == (404, {"error": "Could not find Task"})
    assert raw.delete(f"/v1/tasks/{task_id}").status_code == 404


def test_sdk_does_not_find_a_deleted_task(client: runwayml.RunwayML) -> None:
    created = client.text_to_video.create(model="gen4.5", prompt_text=PROMPT, ratio="1280:720", duration=2)
    client.tasks.delete(created.id)
    with pytest.raises(runwayml.NotFoundError):
        client.tasks.retrieve(created.id)


def test_vanish_fault_makes_the_task_not_found(raw: httpx.Client) -> None:
    task_id = create(raw, "[[runway:vanish]]").json()["id"]
    assert raw.get(f"/v1/tasks/{task_id}").status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("reject", 400, "Validation of body failed"),
        ("credits", 400, "You do not have enough credits to run this task."),
        ("auth", 401, "The API key provided is invalid."),
        ("quota", 429, "Your daily task limit has been reached."),
    ],
)
def test_rejected_request_creates_no_task(raw: httpx.Client, fault: str, status: int, message: str) -> None:
    reply = create(raw, f"[[runway:{fault}]]")
    assert (reply.status_code, reply.json()["error"]) == (status, message)
    assert ("issues" in reply.json()) == (fault == "reject")
    assert reply.headers["apigw-requestid"]
    assert [(entry["status"], entry["task_id"]) for entry in creates(raw)] == [(status, None)]


def test_busy_once_fault_succeeds_on_retry(raw: httpx.Client) -> None:
    assert [create(raw, "[[runway:busy_once]]").status_code for _ in range(3)] == [503, 200, 200]
    assert [entry["task_id"] is None for entry in creates(raw, "busy_once")] == [True, False, False]


def test_task_exists_after_an_ambiguous_failure(raw: httpx.Client) -> None:
    assert create(raw, "[[runway:error_after_create]] [[runway:stuck]]").status_code == 500
    with pytest.raises(httpx.ReadError):
        create(raw, "[[runway:cut_after_create]] [[runway:stuck]]")
    with pytest.raises(httpx.ReadError):
        create(raw, "[[runway:timeout_after_create:0.05]] [[runway:stuck]]")
    with pytest.raises(httpx.ReadTimeout):
        raw.post(
            "/v1/text_to_video",
            json={**BODY, "promptText": "[[runway:timeout_after_create]] [[runway:stuck]]"},
            timeout=0.3,
        )
    created = creates(raw)
    assert [entry["status"] for entry in created] == [500, None, None, None]
    for entry in created:
        assert raw.get(f"/v1/tasks/{entry['task_id']}").json()["status"] in ("PENDING", "RUNNING")


def test_sdk_reports_a_reset_connection_as_a_connection_error(client: runwayml.RunwayML) -> None:
    with pytest.raises(runwayml.APIConnectionError):
        client.text_to_video.create(
            model="gen4.5", prompt_text="[[runway:cut_after_create]]", ratio="1280:720", duration=2
        )


def test_poll_error_once_fault_succeeds_on_retry(raw: httpx.Client) -> None:
    task_id = create(raw, "[[runway:poll_error_once]]").json()["id"]
    assert [raw.get(f"/v1/tasks/{task_id}").status_code for _ in range(3)] == [502, 200, 200]


def test_downloads_support_ranges_and_etags(raw: httpx.Client) -> None:
    url = finished(raw)["output"][0]
    whole = httpx.get(url)
    size, etag = len(whole.content), whole.headers["etag"]
    assert whole.headers["accept-ranges"] == "bytes"
    for wanted, start, end in [
        ("bytes=0-99", 0, 99),
        (f"bytes={size - 5}-", size - 5, size - 1),
        ("bytes=-7", size - 7, size - 1),
    ]:
        part = httpx.get(url, headers={"range": wanted})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {start}-{end}/{size}"
        assert part.content == whole.content[start : end + 1]
    assert httpx.get(url, headers={"range": f"bytes={size}-"}).status_code == 416
    assert httpx.get(url, headers={"if-none-match": etag}).status_code == 304
    assert httpx.head(url).headers["content-length"] == str(size)
    assert httpx.post(url).status_code == 405


def test_polling_again_yields_a_new_link_after_expiry(raw: httpx.Client, servers: SandboxServers) -> None:
    task = finished(raw, "[[runway:expired_once]]")
    assert httpx.get(task["output"][0]).status_code == 403
    fresh = raw.get(f"/v1/tasks/{task['id']}").json()["output"][0]
    assert httpx.get(fresh).status_code == 200
    assert fresh.startswith(f"{servers.runway_url}/outputs/")
    assert httpx.get(fresh.partition("?")[0]).status_code == 403
    assert httpx.get(fresh[:-3] + "AAA").status_code == 403
    raw.delete(f"/v1/tasks/{task['id']}")
    assert httpx.get(fresh).status_code == 404


def test_broken_downloads_are_simulated(raw: httpx.Client) -> None:
    page = httpx.get(finished(raw, "[[runway:not_video]]")["output"][0])
    assert page.content.startswith(b"<!DOCTYPE html>")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(finished(raw, "[[runway:truncated]]")["output"][0])
    redirect = httpx.get(finished(raw, "[[runway:redirect]]")["output"][0])
    assert redirect.status_code == 302
    assert httpx.get(redirect.headers["location"]).headers["content-type"] == "video/mp4"
    assert finished(raw, "[[runway:foreign_host]]")["output"][0].startswith("http://169.254.169.254/")


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "No API key was provided."),
        ({"authorization": "Bearer key_wrong"}, 401, "The API key provided is invalid."),
        ({"authorization": HEADERS["authorization"]}, 400, "X-Runway-Version header is required"),
        ({**HEADERS, "x-runway-version": "2023-01-01"}, 400, "X-Runway-Version header must be"),
    ],
)
def test_invalid_headers_are_rejected(
    servers: SandboxServers, headers: dict[str, str], status: int, message: str
) -> None:
    for method, path in [("POST", "/v1/text_to_video"), ("GET", "/v1/tasks/x"), ("GET", "/v1/organization")]:
        reply = httpx.request(method, servers.runway_url + path, headers=headers)
        assert reply.status_code == status
        assert message in reply.json()["error"]
        assert reply.json()["docUrl"].startswith("https://docs.dev.runwayml.com")


def test_invalid_bodies_are_rejected(raw: httpx.Client) -> None:
    reply = raw.post("/v1/text_to_video", json={})
    assert reply.status_code == 400
    assert reply.json()["error"] == "Validation of body failed"
    assert [issue["code"] for issue in reply.json()["issues"]] == ["invalid_type", "invalid_union"]
    assert create(raw, ratio="16:9").json()["issues"][0]["path"] == ["ratio"]
    assert raw.post("/v1/text_to_video", content="{nope").status_code == 400
    assert raw.get("/v1/text_to_video").status_code == 405
    assert raw.post("/v1/generations", json=BODY).status_code == 404


def test_organization_reports_credits_and_generations(client: runwayml.RunwayML, raw: httpx.Client) -> None:
    before = client.organization.retrieve()
    finished(raw, "[[runway:safety]]")
    after = client.organization.retrieve()
    assert before.credit_balance - after.credit_balance == 24
    assert after.usage.models["gen4.5"].daily_generations == 1
    assert after.tier.models["gen4.5"].max_concurrent_generations == 20


def test_control_routes_report_requests_queue_faults_and_reset(raw: httpx.Client) -> None:
    raw.post("/_sandbox/faults", json={"next": [{"kind": "quota"}, {"kind": "null_failure"}]})
    assert create(raw).status_code == 429
    assert finished(raw)["status"] == "FAILED"
    report = raw.get("/_sandbox/requests", params={"contains": "golden clouds"}).json()
    assert report["count"] == 2
    assert [entry["status"] for entry in report["creates"]] == [429, 200]
    assert all(len(entry["prompt_sha256"]) == 64 for entry in report["creates"])
    assert PROMPT not in str(report)
    task_id = report["creates"][1]["task_id"]
    assert raw.post("/_sandbox/reset").status_code == 204
    assert raw.get("/_sandbox/requests").json()["count"] == 0
    assert raw.get(f"/v1/tasks/{task_id}").status_code == 404
    assert raw.get(f"/_sandbox/tasks/{task_id}").status_code == 404


def test_tasks_videos_and_links_survive_a_restart(tmp_path: Path) -> None:
    with (
        SandboxServers(render_seconds=0.2, state_dir=tmp_path) as servers,
        httpx.Client(base_url=servers.runway_url, headers=HEADERS) as raw,
    ):
        done = finished(raw)
        unfinished = create(raw, "later").json()["id"]
        port = int(servers.runway_url.rpartition(":")[2])
    with (
        SandboxServers(runway_port=port, render_seconds=0.2, state_dir=tmp_path) as servers,
        httpx.Client(base_url=servers.runway_url, headers=HEADERS) as raw,
    ):
        assert httpx.get(done["output"][0]).status_code == 200
        assert task_until(raw, unfinished, lambda task: "cost" in task)["status"] == "SUCCEEDED"


def test_command_serves_until_sigterm(tmp_path: Path) -> None:
    root = REPOSITORY
    command = [sys.executable, "-m", "local.sandbox", "--runway-port", "0", "--claude-port"]
    run = subprocess.Popen([*command, "0", "--state-dir", str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        urls = [run.stdout.readline().split()[-1] for _ in range(2)]
        assert [httpx.get(f"{url}/_sandbox/health").status_code for url in urls] == [200, 200]
        taken = urls[0].rpartition(":")[2]
        refused = subprocess.run([*command, taken], cwd=root, capture_output=True, text=True, timeout=30, check=False)
        assert refused.returncode == 1
        assert f"Cannot listen on 127.0.0.1:{taken}" in refused.stderr
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
    finally:
        run.kill()
        run.communicate()
