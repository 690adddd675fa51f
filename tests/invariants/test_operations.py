"""The operations function: invoked by IAM principals only, with a role that can do what its commands do and no more."""

import json
import re
from typing import Any

import pytest

from dreamvision.operations.repository import HOLD
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

NAME = "OperationsFunction"
RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
FUNCTION = RESOURCES[NAME]["Properties"]
# What lets a principal outside IAM, or a service, invoke a function.
INVOKERS = (
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::WebSocketApi",
    "AWS::Serverless::StateMachine",
    "AWS::Cognito::UserPool",
    "AWS::Events::Rule",
    "AWS::Scheduler::Schedule",
)


def statements() -> list[dict[str, Any]]:
    return [statement for policy in FUNCTION["Policies"] for statement in policy["Statement"]]


def test_it_has_no_event_source_and_no_url() -> None:
    assert not FUNCTION.keys() & {"Events", "FunctionUrlConfig", "EventInvokeConfig", "AutoPublishAlias"}


@pytest.mark.parametrize("kind", INVOKERS)
def test_nothing_else_refers_to_it(kind: str) -> None:
    assert [name for name, each in RESOURCES.items() if each["Type"] == kind and NAME in json.dumps(each)] == []


def test_no_role_of_the_stack_may_invoke_it() -> None:
    for name, each in RESOURCES.items():
        policies = json.dumps(each.get("Properties", {}).get("Policies", []))
        assert NAME not in policies, name


def test_its_role_reads_no_secret_and_no_media_and_deletes_no_data() -> None:
    actions = {action for statement in statements() for action in statement["Action"]}
    assert not {action for action in actions if action.startswith(("secretsmanager:", "s3:", "lambda:"))}
    assert {action for action in actions if re.search("Delete|Scan|Create", action)} == {"dynamodb:DeleteItem"}
    # The record of an erasure that did not start, in the guards table.
    (deleting,) = [each for each in statements() if "dynamodb:DeleteItem" in each["Action"]]
    assert deleting["Resource"] == {"Fn::GetAtt": ["GuardsTable", "Arn"]}


def test_it_may_start_erasures_and_stop_videos_only() -> None:
    allowed = {action: json.dumps(each["Resource"]) for each in statements() for action in each["Action"]}
    assert allowed["states:StartExecution"] == '{"Ref": "Erasure"}'
    for action in ("StopExecution", "DescribeExecution", "GetExecutionHistory"):
        assert ":execution:${DreamToVideo.Name}:*" in allowed[f"states:{action}"]


def test_a_command_is_held_longer_than_the_function_runs() -> None:
    assert FUNCTION["Timeout"] < HOLD.total_seconds()


def test_every_command_and_refusal_is_documented() -> None:
    layer = REPOSITORY / "layers/dreamvision/python/dreamvision/operations"
    page = (REPOSITORY / "docs/OPERATIONS.md").read_text()
    commands = re.findall(r'command: Literal\["([a-z_.]+)"\]', (layer / "commands.py").read_text())
    errors = re.findall(r"^class (\w+Error)", (layer / "errors.py").read_text(), re.MULTILINE)
    assert len(commands) == 9
    assert [name for name in (*commands, *errors) if f"`{name}`" not in page] == []
