"""The local stack itself: its outputs, its permissions, and its messages when it cannot start."""

import socket
from typing import Any

import httpx

from local.settings import STACK_NAME
from tests.e2e.client import ControlPlane
from tests.e2e.shared_stack import StackCommand


def test_outputs_have_the_documented_fields(stack: dict[str, Any]) -> None:
    expected = {
        "api_url",
        "page_url",
        "docs_url",
        "websocket_url",
        "endpoint_url",
        "region",
        "user_pool_id",
        "user_pool_client_id",
        "state_machine_arn",
        "tables",
        "media_bucket",
        "mailbox_url",
    }
    assert expected <= stack.keys()
    assert httpx.get(f"{stack['api_url']}/api/v1/health", trust_env=False).json()["status"] == "healthy"


def test_iam_is_enforced(control: ControlPlane) -> None:
    # The role of a function that only reads health may not read dreams.
    resource = control.client("cloudformation").describe_stack_resource(
        StackName=STACK_NAME, LogicalResourceId="ApiHealthFunctionRole"
    )
    role = resource["StackResourceDetail"]["PhysicalResourceId"]
    sts, iam = control.client("sts"), control.client("iam")
    arn = iam.get_role(RoleName=role)["Role"]["Arn"]
    keys = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    import boto3

    limited = boto3.client(
        "dynamodb",
        endpoint_url=control.outputs["endpoint_url"],
        region_name=control.outputs["region"],
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    try:
        limited.get_item(
            TableName=control.outputs["tables"]["dreams"], Key={"user_id": {"S": "x"}, "dream_id": {"S": "y"}}
        )
    except limited.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied")  # noqa: PT017
    else:
        raise AssertionError("the role may read what it must not")


def test_a_second_start_leaves_the_running_stack_unchanged(local: StackCommand, stack: dict[str, Any]) -> None:
    again = local.run("up")
    assert again.returncode == 0
    assert "already running" in again.stdout
    assert local.outputs() == stack


def test_a_second_start_with_other_settings_says_so(local: StackCommand, stack: dict[str, Any]) -> None:
    for name, value in (("LOCAL_PORT", "7000"), ("PARAMETERS", "PollInterval=7"), ("ANTHROPIC_API_KEY", "sk-other")):
        refused = local.run("up", **{name: value})
        assert refused.returncode == 1
        assert f"The stack is running with {name}=" in refused.stderr
        assert "make down" in refused.stderr
        assert "sk-other" not in refused.stderr
    assert local.outputs() == stack


def test_nobody_is_told_about_settings_that_were_not_given(local: StackCommand, stack: dict[str, Any]) -> None:
    found = local.run("up", LOCAL_PORT="", PARAMETERS="", SANDBOX_RENDER_SECONDS="")
    assert found.returncode == 0
    assert stack["page_url"] in found.stdout
    assert "PollDeadline=35" in found.stdout


def test_an_occupied_port_is_reported_with_its_variable(local: StackCommand, tmp_path: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = local.run("up", LOCAL_PORT=str(port), LOCAL_DIR=str(tmp_path))
    assert failed.returncode == 1
    assert f"Port {port}" in failed.stderr
    assert "LOCAL_PORT" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_invalid_settings_are_explained(local: StackCommand) -> None:
    for name, value in (("LOCAL_PORT", "http"), ("PARAMETERS", "PollInterval"), ("SANDBOX_RENDER_SECONDS", "soon")):
        failed = local.run("up", **{name: value})
        assert failed.returncode == 1
        assert name in failed.stderr
        assert "Traceback" not in failed.stderr
