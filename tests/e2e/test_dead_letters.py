"""Failures without a caller on the deployed stack: dead letters, reports of failed erasures, and their restart."""

import json
from datetime import timedelta
from typing import Any

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.erasure.open_erasures import OpenErasure, OpenErasures
from tests.e2e.client import ControlPlane, wait_for


def _physical_id(control: ControlPlane, logical_id: str) -> str:
    found = control.client("cloudformation").describe_stack_resource(
        StackName="dreamvision-local", LogicalResourceId=logical_id
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def _messages(control: ControlPlane, queue: str) -> list[dict[str, Any]]:
    found = control.client("sqs").receive_message(
        QueueUrl=_physical_id(control, queue), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def test_an_event_that_a_trigger_fails_to_process_is_kept_with_its_function(control: ControlPlane) -> None:
    function = _physical_id(control, "ImageUploadedFunction")
    event = {"detail": {"a": new_id()}}
    control.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event))
    kept = wait_for(
        lambda: [each for each in _messages(control, "TriggerFailures") if each.get("requestPayload") == event], bool
    )
    assert function in kept[0]["requestContext"]["functionArn"]


def test_a_stopped_erasure_is_reported_and_restarted(control: ControlPlane) -> None:
    # GIVEN the record of an erasure whose execution is stopped
    user_id, dream_id = new_id(), new_id()
    machine = _physical_id(control, "Erasure")
    erasure = {"user_id": user_id, "whole_account": False, "dream_id": dream_id}
    execution = control.states.start_execution(stateMachineArn=machine, name=dream_id, input=json.dumps(erasure))
    control.states.stop_execution(executionArn=execution["executionArn"])
    open_erasures = OpenErasures(control.database())
    record = OpenErasure(user_id=user_id, dream_id=dream_id, execution=dream_id)
    open_erasures.begin(record, utc_now() - timedelta(hours=1))
    # WHEN the function on the schedule runs
    answer = control.client("lambda").invoke(FunctionName=_physical_id(control, "RestartErasuresFunction"))
    assert "FunctionError" not in answer
    # THEN the erasure completes, which deletes its record, and the first execution was reported
    wait_for(
        lambda: [each.dream_id for each in open_erasures.list_before(utc_now())], lambda found: dream_id not in found
    )
    details = wait_for(
        lambda: {each["detail"]["name"]: each["detail"] for each in _messages(control, "ErasureFailures")},
        lambda found: dream_id in found,
    )
    assert (details[dream_id]["status"], json.loads(details[dream_id]["input"])) == ("ABORTED", erasure)
