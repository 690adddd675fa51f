"""``make invoke`` on the stack: every sample event through its function, each with the outcome that it must have."""

import json
from pathlib import Path
from typing import Any

import pytest

from local import settings
from local.invoke import invocation_from, invoke
from local.sample_functions import samples
from tests.conftest import REPOSITORY
from tests.e2e.client import ControlPlane, wait_for
from tests.e2e.shared_stack import StackCommand

# In this order: the user of the samples has a token, but is unknown to the user pool, and its ids do not exist. An
# HTTP status with the problem's code, the refusal of an operator's command, or the name of the error raised.
OUTCOMES = {
    "api/get-root": "200",
    "api/get-health": "200",
    "api/get-health-db": "200",
    "api/get-docs": "200",
    "api/get-docs-assets-file_name": "200",
    "api/get-openapi-json": "200",
    "api/get-redoc": "200",
    "api/post-auth-register": "200",
    "api/post-auth-login": "200",
    "api/post-auth-refresh": "401 invalid_refresh_token",
    "api/post-auth-confirm": "400 invalid_or_expired_code",
    "api/post-auth-resend-confirmation": "202",
    "api/post-auth-forgot-password": "202",
    "api/post-auth-reset-password": "400 invalid_or_expired_code",
    "api/post-auth-change-password": "403 wrong_password",
    "api/get-auth-me": "401 unauthenticated",
    "api/patch-auth-me": "401 unauthenticated",
    "api/post-dreams-analyze": "200",
    "api/post-dreams-generate-video": "200",
    "api/get-dreams": "200",
    "api/get-dreams-stats": "200",
    "api/get-dreams-dream_id": "404 dream_not_found",
    "api/delete-dreams-dream_id": "404 dream_not_found",
    "api/post-videos-generate": "404 dream_not_found",
    "api/get-videos": "200",
    "api/get-videos-job_id": "404 video_not_found",
    "api/delete-videos-job_id": "404 video_not_found",
    "api/get-quota": "200",
    "api/post-storage-thumbnails": "404 dream_not_found",
    "api/put-devices-device_id": "200",
    "api/get-devices-device_id": "200",
    "api/delete-devices-device_id": "204",
    # The receipt does not exist, and it was the last try.
    "triggers/notify-devices": "0 failed",
    "triggers/follow-up-notifications": "0 failed",
    "realtime/authorize": "Deny",
    "realtime/connect": "200",
    "realtime/ping": "200",
    "realtime/sync": "200",
    "realtime/disconnect": "200",
    # The record is of a table of another stack.
    "realtime/push": "1 failed",
    "realtime/close-ended-sessions": "0 failed",
    "workflows/dream_to_video/AnalyzeDream": "DreamNotFoundError",
    "workflows/dream_to_video/GenerateVideo": "VideoNotFoundError",
    "workflows/dream_to_video/PollVideo": "VideoNotFoundError",
    "workflows/dream_to_video/CancelRender": "VideoNotFoundError",
    "workflows/dream_to_video/ArchiveVideo": "VideoNotFoundError",
    "workflows/dream_to_video/RecordFailure": "VideoNotFoundError",
    "triggers/pre-sign-up": "done",
    "triggers/pre-token-generation": "done",
    "triggers/execution-stopped": "done",
    "triggers/image-uploaded": "done",
    "triggers/sweep": "done",
    "triggers/restart-erasures": "done",
    "triggers/reconcile-users": "done",
    "operations/spend-today": "done",
    "operations/spend-month": "done",
    "operations/user-find": "UserNotFoundError",
    "operations/user-set-tier": "done",
    "operations/user-quota": "done",
    "operations/video-inspect": "VideoOwnerUnknownError",
    "operations/user-block": "UserNotFoundError",
    "operations/user-unblock": "UserNotFoundError",
    "operations/user-erase": "done",
    "api/post-auth-logout": "401 unauthenticated",
    "api/delete-auth-me": "401 unauthenticated",
    "workflows/erasure/CloseAccount": "done",
    "workflows/erasure/SoftDelete": "done",
    "workflows/erasure/CancelRenders": "done",
    "workflows/erasure/DeleteMedia": "done",
    "workflows/erasure/PurgeTombstones": "done",
    "workflows/erasure/DeleteAccount": "done",
}


def outcome(answer: Any, *, failed: bool) -> str:
    """Return the outcome in the words of the table above."""
    if failed:
        return str(answer["errorType"])
    if "statusCode" in answer:
        status = int(answer["statusCode"])
        return str(status) if status < 400 else f"{status} {json.loads(answer['body'])['type'].rpartition(':')[2]}"
    if "policyDocument" in answer:
        return str(answer["policyDocument"]["Statement"][0]["Effect"])
    if "batchItemFailures" in answer:
        return f"{len(answer['batchItemFailures'])} failed"
    return "done" if answer.get("refusal") is None else str(answer["refusal"]["error"])


def test_every_sample_event_ends_as_expected(stack: dict[str, Any], local: StackCommand) -> None:
    loaded = settings.load(local.environment)
    found = {}
    for name in OUTCOMES:
        answer, failed = invoke(loaded, invocation_from({"EVENT": name}))
        found[name] = outcome(answer, failed=failed)
    assert found == OUTCOMES


def test_every_sample_event_has_an_expected_outcome() -> None:
    assert OUTCOMES.keys() == samples().keys()


@pytest.mark.parametrize(("machine", "arn"), [("dream_to_video", "DreamToVideo"), ("erasure", "Erasure")])
def test_the_input_of_an_execution_starts_it(control: ControlPlane, machine: str, arn: str) -> None:
    event = REPOSITORY / "events/workflows" / machine / "execution-input.json"
    resource = control.client("cloudformation").describe_stack_resource(
        StackName=settings.STACK_NAME, LogicalResourceId=arn
    )
    machine_arn = resource["StackResourceDetail"]["PhysicalResourceId"]
    started = control.states.start_execution(stateMachineArn=machine_arn, input=event.read_text())
    ended = wait_for(
        lambda: control.states.describe_execution(executionArn=started["executionArn"]),
        lambda execution: execution["status"] != "RUNNING",
        60,
    )
    assert ended["status"] == "SUCCEEDED"


def test_the_command_prints_the_answer(stack: dict[str, Any], local: StackCommand) -> None:
    shown = local.run("invoke", FUNCTION="ApiHealth", EVENT="api/get-root")
    assert shown.returncode == 0, shown.stderr
    assert "DreamVision API" in shown.stdout


def test_the_command_takes_an_event_of_ones_own(stack: dict[str, Any], local: StackCommand, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"version": "2.0", "routeKey": "GET /nowhere"}')
    shown = local.run("invoke", FUNCTION="PollVideoFunction", EVENT=str(event))
    assert shown.returncode == 1
    assert "errorType" in shown.stdout
    assert "Log:" in shown.stdout
