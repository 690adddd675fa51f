"""The state machine ``erasure`` of a dream or an account: its input, its executions and the handlers of its tasks."""

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.state_machine import StateMachine, StateMachineError
from dreamvision.core.tasks import TaskHandler, task_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

# A repeated request within this time joins the running execution; later, a failed erasure is started again.
_SAME_EXECUTION_SECONDS = 300


class ErasureUnavailableError(DreamVisionError):
    """The erasure could not be started. Nothing has changed."""

    default_message = "The erasure could not be started."
    user_message = "This could not be deleted right now. Please try again in a moment."


class ErasureWorkflowSettings(Config):
    """The ARN of the state machine."""

    erasure_state_machine_arn: str


class Erasure(BaseModel):
    """The input of an execution and of each of its tasks. ``after`` is the id a task resumes after (empty: starts)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    whole_account: bool
    dream_id: str | None = None
    after: str = ""


class ErasureWorkflow:
    """Executions of the state machine. ``clock`` returns Unix seconds."""

    def __init__(self, arn: str, client: "SFNClient | None" = None, clock: Callable[[], float] = time.time) -> None:
        self._machine = StateMachine(arn, client)
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(ErasureWorkflowSettings.from_environment().erasure_state_machine_arn)

    def erase_dream(self, user_id: str, dream_id: str) -> None:
        """Start the erasure of one dream.

        Raises:
            ErasureUnavailableError: the execution did not start.
        """
        self._start(f"dream-{dream_id}", Erasure(user_id=user_id, whole_account=False, dream_id=dream_id))

    def erase_account(self, user_id: str) -> None:
        """Start the erasure of a user and of all their data.

        Raises:
            ErasureUnavailableError: the execution did not start.
        """
        self._start(f"account-{user_id}", Erasure(user_id=user_id, whole_account=True))

    def _start(self, subject: str, erasure: Erasure) -> None:
        name = f"{subject}-{int(self._clock()) // _SAME_EXECUTION_SECONDS}"
        try:
            self._machine.start(name, erasure.model_dump_json(exclude={"after"}))
        except StateMachineError:
            raise ErasureUnavailableError from None


def erasure_task(work: Callable[[Erasure], dict[str, Any]]) -> TaskHandler:
    """Return the Lambda handler of one state. See ``task_of``."""
    return task_of(Erasure, work, "dream_id", "whole_account")
