"""An in-memory Step Functions that starts and describes executions."""

from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:dream_to_video"


class FakeStepFunctions:
    """Executions by name, with a status that tests set.

    ``unreachable``: calls fail. ``answer_lost``: the execution starts, and its response is lost.
    """

    def __init__(self) -> None:
        self.executions: dict[str, str] = {}
        self.started: list[str] = []
        self.unreachable = False
        self.answer_lost = False

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        if self.unreachable:
            raise _error("ServiceUnavailable", "StartExecution")
        if self.executions.get(name, "RUNNING") != "RUNNING":
            raise _error("ExecutionAlreadyExists", "StartExecution")
        self.executions[name] = "RUNNING"
        self.started.append(name)
        if self.answer_lost:
            raise ReadTimeoutError(endpoint_url="https://states.invalid")
        return {"executionArn": _arn(name)}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
        name = executionArn.rpartition(":")[2]
        if executionArn != _arn(name) or name not in self.executions:
            raise _error("ExecutionDoesNotExist", "DescribeExecution")
        return {"executionArn": executionArn, "status": self.executions[name]}


def _arn(name: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "..."}}, operation)
