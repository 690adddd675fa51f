"""Dead letters of every asynchronous, scheduled and stream invocation.

The template as CloudFormation receives it: after the SAM transform, which adds rules, roles and invoke configurations.
"""

from functools import cache
from typing import Any

import pytest

from local.transformed import transformed
from tests.conftest import REPOSITORY

FOURTEEN_DAYS = 1_209_600


@cache
def _transformed() -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = transformed()["Resources"]
    return resources


def _of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in _transformed().items() if each["Type"] == kind}


def _attribute_of(value: Any) -> str:
    """Return the logical id in ``Fn::GetAtt: [id, Arn]``, or the function's in a reference to its alias."""
    if "Ref" in value:
        function, alias, name = str(value["Ref"]).partition("Aliaslive")
        assert (alias, name) == ("Aliaslive", "")
        return function
    name, attribute = value["Fn::GetAtt"]
    assert attribute == "Arn"
    return str(name)


RULES = _of_type("AWS::Events::Rule")
MAPPINGS = _of_type("AWS::Lambda::EventSourceMapping")
# A queue of work has a dead-letter queue; the others are such queues.
WORK = {name: each for name, each in _of_type("AWS::SQS::Queue").items() if "RedrivePolicy" in each}
QUEUES = {name: each for name, each in _of_type("AWS::SQS::Queue").items() if name not in WORK}
STREAMS = [name for name, each in MAPPINGS.items() if "StartingPosition" in each]
FUNCTIONS = _of_type("AWS::Lambda::Function")
TARGETS = {f"{rule}-{target['Id']}": target for rule, each in RULES.items() for target in each["Targets"]}
# EventBridge invokes functions asynchronously, whether by event or by schedule.
ASYNCHRONOUS = sorted({name for each in TARGETS.values() if (name := _attribute_of(each["Arn"])) in FUNCTIONS})


def _queues_that_a_role_may_send_to(function: str) -> list[str]:
    role = _transformed()[_attribute_of(FUNCTIONS[function]["Role"])]["Properties"]
    found = []
    for statement in (each for policy in role.get("Policies", []) for each in policy["PolicyDocument"]["Statement"]):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if any(action.startswith("sqs:") for action in actions):
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            queues = [_attribute_of(each) for each in resources]
            assert actions == ["sqs:SendMessage"] or set(queues) <= set(WORK)
            found += [each for each in queues if each in QUEUES]
    return found


def test_every_asynchronous_and_scheduled_invocation_is_known() -> None:
    assert ASYNCHRONOUS == [
        "ExecutionStoppedFunction",
        "ImageUploadedFunction",
        "ReconcileUsersFunction",
        "RestartErasuresFunction",
        "SweepFunction",
    ]
    # Nothing else invokes functions but what waits for the answer: the two APIs and Cognito.
    principals = {str(each["Principal"]) for each in _of_type("AWS::Lambda::Permission").values()}
    assert principals == {"apigateway.amazonaws.com", "cognito-idp.amazonaws.com", "events.amazonaws.com"}
    kinds = {each["Type"] for each in _transformed().values()}
    assert kinds.isdisjoint({"AWS::Scheduler::Schedule", "AWS::Pipes::Pipe"})
    assert {each["Protocol"] for each in _of_type("AWS::SNS::Subscription").values()} == {"email"}
    assert "LambdaConfigurations" not in str(_of_type("AWS::S3::Bucket"))


@pytest.mark.parametrize("name", TARGETS)
def test_an_event_that_cannot_be_delivered_is_kept(name: str) -> None:
    target = TARGETS[name]
    assert _attribute_of(target["DeadLetterConfig"]["Arn"]) in QUEUES
    assert set(target["RetryPolicy"]) == {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"}


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_an_event_that_a_function_fails_to_process_is_kept(name: str) -> None:
    (config,) = [
        each for each in _of_type("AWS::Lambda::EventInvokeConfig").values() if each["FunctionName"] == {"Ref": name}
    ]
    assert {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= set(config)
    queue = _attribute_of(config["DestinationConfig"]["OnFailure"]["Destination"])
    assert queue in QUEUES
    assert _queues_that_a_role_may_send_to(name) == [queue]


@pytest.mark.parametrize("name", STREAMS)
def test_a_batch_that_a_function_fails_to_process_is_kept(name: str) -> None:
    mapping = MAPPINGS[name]
    queue = _attribute_of(mapping["DestinationConfig"]["OnFailure"]["Destination"])
    assert queue in QUEUES
    # Without these a bad record blocks its shard until it expires, after a day.
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] <= 3
    assert 60 <= mapping["MaximumRecordAgeInSeconds"] <= 3600
    assert _queues_that_a_role_may_send_to(_attribute_of(mapping["FunctionName"])) == [queue]


@pytest.mark.parametrize("name", WORK)
def test_work_that_keeps_failing_is_kept(name: str) -> None:
    redrive = WORK[name]["RedrivePolicy"]
    assert _attribute_of(redrive["deadLetterTargetArn"]) in QUEUES
    assert WORK[name]["SqsManagedSseEnabled"] is True
    (mapping,) = [each for each in MAPPINGS.values() if each["EventSourceArn"] == {"Fn::GetAtt": [name, "Arn"]}]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # "Set the visibility timeout to at least six times the function timeout", and "maxReceiveCount to at least 5":
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    timeout = FUNCTIONS[_attribute_of(mapping["FunctionName"])]["Timeout"]
    assert WORK[name]["VisibilityTimeout"] >= 6 * timeout
    assert redrive["maxReceiveCount"] >= 5
    # What is received last must not have expired before. The delays: notifications/tasks.py.
    assert WORK[name]["MessageRetentionPeriod"] >= 900 + redrive["maxReceiveCount"] * 600


@pytest.mark.parametrize("name", QUEUES)
def test_a_dead_letter_is_kept_encrypted_for_fourteen_days(name: str) -> None:
    assert QUEUES[name]["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert QUEUES[name]["SqsManagedSseEnabled"] is True


def test_no_other_function_may_send_to_a_queue() -> None:
    senders = {name for name in FUNCTIONS if _queues_that_a_role_may_send_to(name)}
    assert senders == {*ASYNCHRONOUS, *(_attribute_of(MAPPINGS[name]["FunctionName"]) for name in STREAMS)}


@pytest.mark.parametrize("name", QUEUES)
def test_eventbridge_may_send_to_a_queue_only_by_the_rules_that_use_it(name: str) -> None:
    using = {
        rule
        for rule, each in RULES.items()
        for target in each["Targets"]
        if name in (_attribute_of(target["Arn"]), _attribute_of(target["DeadLetterConfig"]["Arn"]))
    }
    allowed: set[str] = set()
    for policy in _of_type("AWS::SQS::QueuePolicy").values():
        if policy["Queues"] != [{"Ref": name}]:
            continue
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Principal"] == {"Service": "events.amazonaws.com"}
            assert statement["Action"] == "sqs:SendMessage"
            assert _attribute_of(statement["Resource"]) == name
            sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"]
            allowed |= {_attribute_of(each) for each in (sources if isinstance(sources, list) else [sources])}
    assert allowed == using


def test_failed_timed_out_and_aborted_erasures_are_reported() -> None:
    rule = RULES["ErasureFailedRule"]
    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"Ref": "Erasure"}], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    assert [_attribute_of(each["Arn"]) for each in rule["Targets"]] == ["ErasureFailures"]


@pytest.mark.parametrize("name", QUEUES)
def test_the_runbook_says_how_to_read_and_replay_a_queue(name: str) -> None:
    section = (REPOSITORY / "docs" / "RUNBOOK.md").read_text().partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert f'"$(id {name})"' in section
