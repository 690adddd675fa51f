"""The state machine ``erasure`` of a dream or an account: its input, its executions and the handlers of its tasks."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.state_machine import StateMachine, StateMachineError
from dreamvision.core.tasks import TaskHandler, task_of
from dreamvision.erasure.open_erasures import OpenErasure, OpenErasures

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

# A repeated request within this time joins the running execution; later, a failed erasure is started again.
_SAME_EXECUTION_SECONDS = 300
# An erasure that fails at once is not started again more often than this.
_RESTART_SECONDS = 3600
_RUNNING = "RUNNING"


class ErasureUnavailableError(DreamVisionError):
    """The erasure could not be started. Nothing has changed."""

    default_message = "The erasure could not be started."
    user_message = "This could not be deleted right now. Please try again in a moment."


class ErasureNotRequestedError(DreamVisionError):
    """An execution is to erase an account whose erasure nobody has recorded, or which is complete."""

    default_message = "The erasure of the account is not recorded as open."


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
    """Executions of the state machine. ``clock`` returns Unix seconds.

    An erasure is recorded as open before its execution starts; the last step of the execution deletes the record.
    """

    def __init__(
        self,
        arn: str,
        open_erasures: OpenErasures,
        client: "SFNClient | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._machine = StateMachine(arn, client)
        self._open_erasures = open_erasures
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(ErasureWorkflowSettings.from_environment().erasure_state_machine_arn, OpenErasures.shared())

    def erase_dream(self, user_id: str, dream_id: str) -> None:
        """Start the erasure of one dream.

        Raises:
            ErasureUnavailableError: the execution did not start.
        """
        self._begin(user_id, dream_id)

    def erase_account(self, user_id: str) -> None:
        """Start the erasure of a user and of all their data.

        Raises:
            ErasureUnavailableError: the execution did not start.
        """
        self._begin(user_id, None)

    def restart(self, erasure: OpenErasure) -> bool:
        """Start an erasure again, unless it is running, complete or was started in this hour. Returns whether it was.

        Raises:
            ErasureUnavailableError: the execution did not start.
        """
        name = f"{_subject(erasure.user_id, erasure.dream_id)}-again-{int(self._clock()) // _RESTART_SECONDS}"
        if self._machine.status(erasure.execution) == _RUNNING or self._machine.status(name) is not None:
            return False
        if not self._open_erasures.restart(erasure, name):
            return False
        self._start(name, erasure.user_id, erasure.dream_id)
        return True

    def _begin(self, user_id: str, dream_id: str | None) -> None:
        now = self._clock()
        name = f"{_subject(user_id, dream_id)}-{int(now) // _SAME_EXECUTION_SECONDS}"
        erasure = OpenErasure(user_id=user_id, dream_id=dream_id, execution=name)
        is_new = self._open_erasures.begin(erasure, datetime.fromtimestamp(now, UTC))
        try:
            self._start(name, user_id, dream_id)
        except ErasureUnavailableError:
            if is_new:
                self._open_erasures.withdraw(erasure)
            raise

    def _start(self, name: str, user_id: str, dream_id: str | None) -> None:
        erasure = Erasure(user_id=user_id, whole_account=dream_id is None, dream_id=dream_id)
        try:
            self._machine.start(name, erasure.model_dump_json(exclude={"after"}))
        except StateMachineError:
            raise ErasureUnavailableError from None


def _subject(user_id: str, dream_id: str | None) -> str:
    return f"dream-{dream_id}" if dream_id else f"account-{user_id}"


def erasure_task(work: Callable[[Erasure], dict[str, Any]]) -> TaskHandler:
    """Return the Lambda handler of one state. See ``task_of``."""
    return task_of(Erasure, work, "dream_id", "whole_account")
