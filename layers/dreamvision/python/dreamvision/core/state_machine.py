"""Executions of a Step Functions state machine.

The console shows an execution's input, outputs and errors for months: they contain ids and error names, never a dream,
a prompt or an address.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dreamvision.core.aws import client_config, error_code
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef


class StateMachineError(DreamVisionError):
    """Step Functions did not carry out the request. The request may be retried."""

    default_message = "Step Functions did not carry out the request."


class StateMachine:
    """The executions of one state machine, by name."""

    def __init__(self, arn: str, client: "SFNClient | None" = None) -> None:
        self._arn = arn
        self._client = client

    @cached_property
    def client(self) -> "SFNClient":
        return self._client or boto3.client("stepfunctions", config=client_config())

    def start(self, name: str, execution_input: str) -> None:
        """Start an execution with a JSON input. Idempotent: a name used in the last 90 days is accepted.

        Raises:
            StateMachineError: the execution did not start.
        """
        try:
            self.client.start_execution(stateMachineArn=self._arn, name=name, input=execution_input)
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise StateMachineError from None
        except BotoCoreError:
            raise StateMachineError from None

    def status(self, name: str) -> str | None:
        """Return ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; ``None`` if never started."""
        try:
            return self.client.describe_execution(executionArn=self._execution_arn(name))["status"]
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
            return None

    def input_of(self, name: str) -> str | None:
        """Return the JSON input of an execution; ``None`` if it never started or ended more than 90 days ago.

        Raises:
            StateMachineError: Step Functions did not answer.
        """
        with _unless_unknown():
            return self.client.describe_execution(executionArn=self._execution_arn(name))["input"]
        return None

    def history(self, name: str) -> "list[HistoryEventTypeDef]":
        """Return the events of an execution, oldest first, without inputs and outputs; none if it never started.

        Raises:
            StateMachineError: Step Functions did not answer.
        """
        with _unless_unknown():
            pages = self.client.get_paginator("get_execution_history").paginate(
                executionArn=self._execution_arn(name), includeExecutionData=False
            )
            return [event for page in pages for event in page["events"]]
        return []

    def stop(self, name: str) -> None:
        """Stop an execution. Idempotent. A task that is already running continues to its end.

        Raises:
            StateMachineError: the execution may still be running.
        """
        try:
            self.client.stop_execution(executionArn=self._execution_arn(name))
        except ClientError as error:
            # Stopping an ended execution is a ValidationException.
            if error_code(error) not in ("ExecutionDoesNotExist", "ValidationException"):
                raise StateMachineError from None
        except BotoCoreError:
            raise StateMachineError from None

    def _execution_arn(self, name: str) -> str:
        return f"{self._arn.replace(':stateMachine:', ':execution:')}:{name}"


@contextmanager
def _unless_unknown() -> Iterator[None]:
    """Suppress the error for an unknown execution and translate all others."""
    try:
        yield
    except ClientError as error:
        if error_code(error) != "ExecutionDoesNotExist":
            raise StateMachineError from None
    except BotoCoreError:
        raise StateMachineError from None
