"""The sandbox of Expo's push service, tested with Expo's own server SDK and with our client."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dreamvision.core.ids import new_id
from dreamvision.notifications.errors import PushRefusedError
from dreamvision.notifications.expo import DEVICE_NOT_REGISTERED, ExpoClient
from dreamvision.notifications.messages import Outcome, message
from dreamvision.schemas.videos import VideoStatus
from local.sandbox import EXPO_TOKEN
from local.sandbox.server import SandboxServers
from tests.conftest import REPOSITORY
from tests.node_packages import environment, installed

PROJECT = REPOSITORY / "tests" / "expo"


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that uses the SDK, beside its packages."""
    folder = tmp_path_factory.mktemp("expo")
    (folder / "node_modules").symlink_to(installed(PROJECT) / "node_modules")
    (folder / "client.mjs").write_text((PROJECT / "client.mjs").read_text())
    return folder / "client.mjs"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServers]:
    with SandboxServers(claude_seconds=0.0) as servers:
        yield servers


@pytest.fixture
def servers(running: SandboxServers) -> SandboxServers:
    running.expo.reset()
    return running


def to(token: str, **more: Any) -> dict[str, Any]:
    return {"to": f"ExponentPushToken[{token}]", "title": "DreamVision", "body": "Your video is ready.", **more}


def run(sdk: Path, servers: SandboxServers, messages: list[dict[str, Any]], token: str | None = None) -> dict[str, Any]:
    command = ["node", str(sdk), json.dumps({"messages": messages, "accessToken": token})]
    variables = {**environment(), "EXPO_BASE_URL": servers.expo_url}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def faults(servers: SandboxServers, *kinds: str) -> None:
    answer = httpx.post(f"{servers.expo_url}/_sandbox/faults", json={"next": [{"kind": kind} for kind in kinds]})
    assert answer.status_code == 200, answer.text


def arrived(servers: SandboxServers) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{servers.expo_url}/_sandbox/requests").json()["messages"]
    return found


def test_the_sdk_sends_and_reads_receipts(sdk: Path, servers: SandboxServers) -> None:
    # Enough for a compressed body and two requests; the SDK repeats a request that was limited.
    messages = [to(f"device-{number}", data={"job_id": str(number)}, sound="default") for number in range(101)]
    messages += [to("unregistered-1"), to("uninstalled-1")]
    faults(servers, "rate_limit")
    found = run(sdk, servers, messages, EXPO_TOKEN)
    assert found["error"] is None
    assert found["chunks"] == [100, 3]
    statuses = [ticket["status"] for ticket in found["tickets"]]
    assert statuses == ["ok"] * 101 + ["error", "ok"]
    assert found["tickets"][101]["details"]["error"] == "DeviceNotRegistered"
    receipts = list(found["receipts"].values())
    assert [receipt["status"] for receipt in receipts].count("ok") == 101
    (failed,) = [receipt for receipt in receipts if receipt["status"] == "error"]
    assert failed["details"]["error"] == "DeviceNotRegistered"
    assert [each["to"] for each in arrived(servers)] == [each["to"] for each in messages]


@pytest.mark.parametrize(
    ("messages", "token", "error"),
    [
        ([to("a")], "wrong", {"code": "UNAUTHORIZED", "status": 401}),
        ([to("a"), to("foreign-1")], None, {"code": "PUSH_TOO_MANY_EXPERIENCE_IDS", "status": 400}),
        ([to("a", unknown=True)], None, {"code": "VALIDATION_ERROR", "status": 400}),
        ([to("a", data={"text": "x" * 4096})], None, {"code": "VALIDATION_ERROR", "status": 400}),
        ([{"to": "no token"}], None, {"code": "VALIDATION_ERROR", "status": 400}),
    ],
)
def test_the_sdk_understands_refusals(
    sdk: Path, servers: SandboxServers, messages: list[dict[str, Any]], token: str | None, error: dict[str, Any]
) -> None:
    assert run(sdk, servers, messages, token)["error"] == error
    assert arrived(servers) == []


@pytest.mark.parametrize("locale", ["de-DE", "en", "es_MX", "fr", "ja-JP"])
@pytest.mark.parametrize("status", [VideoStatus.COMPLETED, VideoStatus.FAILED])
def test_our_messages_are_valid(servers: SandboxServers, locale: str, status: VideoStatus) -> None:
    outcome = Outcome(user_id=new_id(), job_id=new_id(), dream_id=new_id(), status=status)
    client = ExpoClient(f"{servers.expo_url}/", EXPO_TOKEN)
    (ticket,) = client.send([message(outcome, "ExpoPushToken[a]", locale)])
    assert ticket.receipt_id is not None
    assert client.receipt_errors([ticket.receipt_id, "missing"]) == {ticket.receipt_id: None}
    (found,) = arrived(servers)
    assert (found["to"], found["data"]["job_id"]) == ("ExpoPushToken[a]", outcome.job_id)


def test_our_client_reads_errors(servers: SandboxServers) -> None:
    client = ExpoClient(servers.expo_url)
    unregistered, uninstalled = client.send([to("unregistered-1"), to("uninstalled-1")])
    assert unregistered.error == DEVICE_NOT_REGISTERED
    assert uninstalled.receipt_id is not None
    assert client.receipt_errors([uninstalled.receipt_id]) == {uninstalled.receipt_id: DEVICE_NOT_REGISTERED}
    with pytest.raises(PushRefusedError):
        client.send([to("a"), to("foreign-1")])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/--/api/v2/push/send", b"", 404),
        ("POST", "/--/api/v2/push/other", b"[]", 404),
        ("POST", "/--/api/v2/push/send", b"{", 400),
        ("POST", "/--/api/v2/push/getReceipts", b'{"ids": []}', 400),
        ("POST", "/--/api/v2/push/getReceipts", json.dumps({"ids": ["a"] * 1001}).encode(), 400),
        ("POST", "/--/api/v2/push/send", json.dumps([to("a")] * 101).encode(), 400),
    ],
)
def test_other_requests_are_refused(servers: SandboxServers, method: str, path: str, body: bytes, status: int) -> None:
    answer = httpx.request(method, servers.expo_url + path, content=body)
    assert answer.status_code == status
    assert answer.json()["errors"][0]["code"]


def test_the_lock_file_contains_no_host() -> None:
    lock = json.loads((PROJECT / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages)
