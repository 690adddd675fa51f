"""Push notifications on the stack: from the status of a video to Expo's push service, and devices that go."""

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from dreamvision.notifications.digests import digest_of
from tests.e2e.client import PASSWORD, ControlPlane, User, wait_for

DREAM = "I was flying over a dark forest with twisted trees"


def register_device(user: User, device_id: str = "phone", kind: str = "", locale: str = "en") -> str:
    """Register a device and return its push token, which only this user has."""
    push_token = f"ExponentPushToken[{kind}{user.id}-{device_id}]"
    body = {"push_token": push_token, "platform": "ios", "locale": locale}
    answer = user.request("PUT", f"/devices/{device_id}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json().items() >= {"device_id": device_id, **body}.items()
    return push_token


def messages_to(stack: dict[str, Any], user: User) -> list[dict[str, Any]]:
    """Return what has arrived at the sandbox for a user's devices."""
    answer = httpx.get(f"{stack['expo_url']}/_sandbox/requests", params={"contains": user.id}, trust_env=False)
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


def items_of(control: ControlPlane, user: User) -> list[str]:
    guards = control.tables.Table(control.outputs["tables"]["guards"]).scan(ConsistentRead=True)["Items"]
    return [str(item["guard"]) for item in guards if item["guard"] == f"devices#{user.id}"]


@pytest.mark.parametrize(
    ("marker", "status", "text"),
    [("", "completed", "Dein Video ist fertig."), ("[[runway:internal]]", "failed", "Dein Video konnte nicht")],
)
def test_a_closed_app_hears_that_a_video_is_final(
    stack: dict[str, Any], user: User, other_user: User, marker: str, status: str, text: str
) -> None:
    # GIVEN two devices of the user, and one of somebody else
    tokens = {register_device(user, name, locale="de-DE") for name in ("phone", "tablet")}
    register_device(other_user)

    # WHEN the video is final
    job_id = user.create_video(f"{DREAM} {marker}".strip())["video_generation"]["job_id"]
    video = user.wait_for_video(job_id)
    assert video["status"] == status

    # THEN each device has one message, without a word of the dream
    messages = wait_for(lambda: messages_to(stack, user), lambda found: len(found) == 2)
    assert {each["to"] for each in messages} == tokens
    for each in messages:
        assert each["title"] == "DreamVision"
        assert each["body"].startswith(text)
        assert each["data"] == {"type": f"video.{status}", "job_id": job_id, "dream_id": video["dream_id"]}
        assert "forest" not in json.dumps(each)
    assert messages_to(stack, other_user) == []
    if video["completed_at"]:
        arrived = max(datetime.fromisoformat(each["at"]) for each in messages)
        seconds = (arrived - datetime.fromisoformat(video["completed_at"])).total_seconds()
        print(f"From the status to Expo: {seconds:.2f} s")


def test_a_device_that_expo_no_longer_knows_is_removed(
    stack: dict[str, Any], user: User, control: ControlPlane
) -> None:
    # GIVEN a notification to an app that was uninstalled meanwhile
    push_token = register_device(user, kind="uninstalled-")
    user.create_video()
    (message,) = wait_for(lambda: messages_to(stack, user), bool, 60)

    # WHEN its receipt is read: now, not in a quarter of an hour
    assert user.get("/devices/phone").status_code == 200
    sent = {
        "receipt_id": message["receipt_id"],
        "user_id": user.id,
        "device_id": "phone",
        "token_digest": digest_of(push_token),
    }
    sqs = control.client("sqs")
    (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if "NotificationTasks" in url]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"kind": "receipts", "sent": [sent]}))

    # THEN the device is gone
    wait_for(lambda: user.get("/devices/phone").status_code, lambda status: status == 404)


def test_a_device_goes_with_its_session_and_with_the_account(
    http: httpx.Client, user: User, other_user: User, control: ControlPlane
) -> None:
    # GIVEN a device of each of two sessions
    tokens = http.post("/api/v1/auth/login", json={"email": user.email, "password": PASSWORD}).json()
    second = User(http, user.id, user.email, user.username, tokens["access_token"], tokens["refresh_token"])
    register_device(user, "phone")
    register_device(second, "tablet")
    # THEN nobody else sees them
    for answer in (other_user.get("/devices/phone"), other_user.delete("/devices/phone")):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:dreamvision:problem:device_not_found")
    # AND a sign-out removes its own
    assert user.post("/auth/logout").status_code == 204
    assert second.get("/devices/phone").status_code == 404
    assert second.get("/devices/tablet").status_code == 200
    # AND the user can remove one
    register_device(second, "watch")
    assert second.delete("/devices/watch").status_code == 204
    assert second.delete("/devices/watch").status_code == 404
    # AND the erasure removes the rest
    assert items_of(control, user) == [f"devices#{user.id}"]
    assert second.delete("/auth/me").status_code == 204
    wait_for(lambda: items_of(control, user), lambda found: not found, 60)
