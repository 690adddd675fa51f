"""The state machine ``dream_to_video``: starting an execution, and what its tasks share.

An execution's input, outputs and errors are shown in the console for months: they carry ids and names of errors, never
a dream, a prompt or an address.
"""

import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.tasks import TaskHandler, task_of
from dreamvision.database.client import error_code

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

_CLIENT_CONFIG = BotoConfig(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})

logger = Logger()


class WorkflowUnavailableError(DreamVisionError):
    """The execution could not be started. Nothing was spent."""

    default_message = "The execution could not be started."
    user_message = "The video could not be started. Please try again in a moment."


class ExecutionStopError(DreamVisionError):
    """The execution could not be stopped. It may be tried again, and the execution ends by itself in time."""

    default_message = "The execution could not be stopped."
    user_message = "The video could not be stopped. Please try again in a moment."


class ExecutionInput(BaseModel):
    """The input of an execution, and of each of its tasks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    dream_id: str
    job_id: str
    needs_analysis: bool = False
    error: str | None = None


class VideoWorkflow:
    """Executions of the state machine."""

    def __init__(self, state_machine_arn: str, client: "SFNClient | None" = None) -> None:
        self._arn = state_machine_arn
        self._client = client

    @cached_property
    def client(self) -> "SFNClient":
        return self._client or boto3.client("stepfunctions", config=_CLIENT_CONFIG)

    def start(self, job: ExecutionInput) -> None:
        """Start the execution of this job. Its name is the job's id: starting twice is harmless.

        Raises:
            WorkflowUnavailableError: it did not start.
        """
        try:
            self.client.start_execution(
                stateMachineArn=self._arn, name=job.job_id, input=json.dumps(job.model_dump(exclude={"error"}))
            )
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise WorkflowUnavailableError from None
        except BotoCoreError:
            raise WorkflowUnavailableError from None

    def status_of(self, job_id: str) -> str | None:
        """``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``; ``None`` where none was ever started."""
        execution = f"{self._arn.replace(':stateMachine:', ':execution:')}:{job_id}"
        try:
            return self.client.describe_execution(executionArn=execution)["status"]
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
            return None

    def stop(self, job_id: str) -> None:
        """Stop the execution of this job. Harmless when it has ended or never began.

        What a task of it does at the moment goes on to the task's end.

        Raises:
            ExecutionStopError
        """
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{job_id}"
        try:
            self.client.stop_execution(executionArn=arn)
        except ClientError as error:
            # An execution that has ended is a ValidationException.
            if error_code(error) not in ("ExecutionDoesNotExist", "ValidationException"):
                raise ExecutionStopError from None
        except BotoCoreError:
            raise ExecutionStopError from None


def video_task(work: Callable[[ExecutionInput], dict[str, Any]]) -> TaskHandler:
    """Make the Lambda handler of one state out of the work that it does for a job. See ``task_of``."""
    return task_of(ExecutionInput, work, "job_id")
