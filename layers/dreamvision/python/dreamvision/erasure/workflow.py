"""The state machine ``erase``: of one dream, or of everything that a user has. Its input has ids alone."""

import json
import time
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.tasks import TaskHandler, task_of
from dreamvision.database.client import error_code

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.client import SFNClient

_CLIENT_CONFIG = BotoConfig(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
# Whoever asks again within this time joins the execution that runs; later, an erasure that failed is begun anew.
_SAME_EXECUTION_SECONDS = 300


class ErasureUnavailableError(DreamVisionError):
    """The erasure could not be started. Nothing has changed."""

    default_message = "The erasure could not be started."
    user_message = "This could not be deleted right now. Please try again in a moment."


class ErasureSettings(Config):
    """The state machine."""

    erasure_state_machine_arn: str


class Erasure(BaseModel):
    """The input of an execution and of each of its tasks. ``after`` is where a task goes on (empty: begins)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    whole_account: bool
    dream_id: str | None = None
    after: str = ""


class ErasureWorkflow:
    """Executions of the state machine. ``clock`` gives Unix seconds."""

    def __init__(self, arn: str, client: "SFNClient | None" = None, clock: Callable[[], float] = time.time) -> None:
        self._arn = arn
        self._client = client
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(ErasureSettings.from_environment().erasure_state_machine_arn)

    @cached_property
    def client(self) -> "SFNClient":
        return self._client or boto3.client("stepfunctions", config=_CLIENT_CONFIG)

    def erase_dream(self, user_id: str, dream_id: str) -> None:
        """Start the erasure of one dream.

        Raises:
            ErasureUnavailableError
        """
        self._start("dream", dream_id, Erasure(user_id=user_id, whole_account=False, dream_id=dream_id))

    def erase_account(self, user_id: str) -> None:
        """Start the erasure of everything that a user has, and of the user.

        Raises:
            ErasureUnavailableError
        """
        self._start("account", user_id, Erasure(user_id=user_id, whole_account=True))

    def _start(self, kind: str, what: str, erasure: Erasure) -> None:
        name = f"{kind}-{what}-{int(self._clock()) // _SAME_EXECUTION_SECONDS}"
        try:
            self.client.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(erasure.model_dump(exclude={"after"}))
            )
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise ErasureUnavailableError from None
        except BotoCoreError:
            raise ErasureUnavailableError from None


def erasure_task(work: Callable[[Erasure], dict[str, Any]]) -> TaskHandler:
    """Make the Lambda handler of one state out of the work that it does for an erasure."""
    return task_of(Erasure, work, "dream_id", "whole_account")
