"""The state machine ``dream_to_video``: its input, its executions and the handlers of its tasks."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.state_machine import StateMachine, StateMachineError
from dreamvision.core.tasks import TaskHandler, task_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef

logger = Logger()


class WorkflowUnavailableError(DreamVisionError):
    """The execution could not be started. Nothing was charged."""

    default_message = "The execution could not be started."
    user_message = "The video could not be started. Please try again in a moment."


class ExecutionStopError(DreamVisionError):
    """The execution could not be stopped. May be retried; the execution has a timeout of its own."""

    default_message = "The execution could not be stopped."
    user_message = "The video could not be stopped. Please try again in a moment."


class VideoWorkflowSettings(Config):
    """The ARN of the state machine."""

    state_machine_arn: str


class ExecutionInput(BaseModel):
    """The input of an execution, and of each of its tasks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    dream_id: str
    job_id: str
    needs_analysis: bool = False
    error: str | None = None


class VideoWorkflow:
    """Executions of the state machine. The name of an execution is the id of its video."""

    def __init__(self, arn: str, client: "SFNClient | None" = None) -> None:
        self._machine = StateMachine(arn, client)

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(VideoWorkflowSettings.from_environment().state_machine_arn)

    def start(self, execution: ExecutionInput) -> None:
        """Start the execution of a video. Idempotent.

        Raises:
            WorkflowUnavailableError: the execution did not start.
        """
        try:
            self._machine.start(execution.job_id, execution.model_dump_json(exclude={"error"}))
        except StateMachineError:
            raise WorkflowUnavailableError from None

    def status(self, job_id: str) -> str | None:
        """Return ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; ``None`` if never started."""
        return self._machine.status(job_id)

    def owner(self, job_id: str) -> str | None:
        """Return the id of the user whose video the execution makes; ``None`` if there is no execution.

        Raises:
            StateMachineError: Step Functions did not answer.
        """
        execution_input = self._machine.input_of(job_id)
        return None if execution_input is None else ExecutionInput.model_validate_json(execution_input).user_id

    def history(self, job_id: str) -> "list[HistoryEventTypeDef]":
        """Return the events of the execution, oldest first, without inputs and outputs.

        Raises:
            StateMachineError: Step Functions did not answer.
        """
        return self._machine.history(job_id)

    def stop(self, job_id: str) -> None:
        """Stop the execution of a video. Idempotent; a running task continues to its end.

        Raises:
            ExecutionStopError: the execution may still be running.
        """
        try:
            self._machine.stop(job_id)
        except StateMachineError:
            raise ExecutionStopError from None

    def try_stop(self, job_id: str) -> bool:
        """Stop the execution of a closed video. Returns whether it was stopped.

        ``ExecutionStopped`` then cancels the render; an execution that continues cancels it itself.
        """
        try:
            self.stop(job_id)
        except ExecutionStopError:
            logger.warning("the execution continues until its next poll", extra={"job_id": job_id})
            return False
        return True


def video_task(work: Callable[[ExecutionInput], dict[str, Any]]) -> TaskHandler:
    """Return the Lambda handler of one state. See ``task_of``."""
    return task_of(ExecutionInput, work, "job_id")
