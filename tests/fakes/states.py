"""An in-memory Step Functions that records started and stopped executions, and describes them."""

# ruff: noqa: N803 - the parameters have the names that boto3 gives them

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:dream_to_video"


class FakeStates:
    """The methods of boto3's client that the product calls. ``refusal`` is an error code for the next call.

    ``ended`` maps the name of an execution to its final status; the others are running.
    """

    def __init__(self, before_call: Callable[[], None] = lambda: None) -> None:
        self._before_call = before_call
        self.started: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.ended: dict[str, str] = {}
        self.refusal: str | None = None

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        self._refuse("StartExecution")
        if name in self.started:
            raise _error("ExecutionAlreadyExists", "StartExecution")
        self.started[name] = json.loads(input)
        return {"executionArn": f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        self._refuse("DescribeExecution")
        name = executionArn.rpartition(":")[2]
        if name not in self.started:
            raise _error("ExecutionDoesNotExist", "DescribeExecution")
        return {"executionArn": executionArn, "status": self.ended.get(name, "RUNNING")}

    def stop_execution(self, *, executionArn: str) -> dict[str, Any]:
        self._refuse("StopExecution")
        assert executionArn.startswith(MACHINE.replace(":stateMachine:", ":execution:") + ":")
        name = executionArn.rpartition(":")[2]
        if name not in self.started:
            raise _error("ExecutionDoesNotExist", "StopExecution")
        self.stopped.append(name)
        return {}

    def _refuse(self, operation: str) -> None:
        self._before_call()
        if self.refusal is not None:
            code, self.refusal = self.refusal, None
            raise _error(code, operation)


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)
