"""The queue of what is left to do: check receipts a quarter of an hour later, send again what Expo did not accept."""

from collections.abc import Sequence
from functools import cache, cached_property
from itertools import batched
from typing import TYPE_CHECKING, Literal, Self

import boto3
from pydantic import BaseModel, ConfigDict

from dreamvision.core.aws import client_config
from dreamvision.core.config import Config
from dreamvision.notifications.expo import MAX_RECEIPTS
from dreamvision.notifications.messages import Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

# "Check push receipts 15 minutes after sending"; it is also the longest delay of SQS.
_RECEIPT_DELAY_SECONDS = 900
_FIRST_RETRY_SECONDS = 10
# SQS's longest visibility timeout is 12 hours; a notification should not come that late.
_LONGEST_RETRY_SECONDS = 600


class TaskSettings(Config):
    """The URL of the queue."""

    notification_tasks_queue: str


class SentNotification(BaseModel):
    """A notification that Expo has accepted, and a digest of its push token."""

    model_config = ConfigDict(frozen=True)

    receipt_id: str
    user_id: str
    device_id: str
    token_digest: str


class SendAgain(BaseModel):
    """Notify a user of a video: those devices that were not notified yet."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["send"] = "send"
    outcome: Outcome


class CheckReceipts(BaseModel):
    """Read the receipts of notifications. ``last``: do not ask again for those that do not exist yet."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["receipts"] = "receipts"
    sent: tuple[SentNotification, ...]
    last: bool = False


type Task = SendAgain | CheckReceipts


class NotificationTasks:
    """Adds tasks to the queue, and delays those that failed."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(TaskSettings.from_environment().notification_tasks_queue)

    @cached_property
    def _client(self) -> "SQSClient":
        return boto3.client("sqs", config=client_config())

    def send_again(self, outcome: Outcome) -> None:
        """Send in a few seconds, and later if that fails again."""
        self._add(SendAgain(outcome=outcome), _FIRST_RETRY_SECONDS)

    def check_receipts(self, sent: Sequence[SentNotification], *, last: bool = False) -> None:
        """Read the receipts in a quarter of an hour."""
        for each in batched(sent, MAX_RECEIPTS, strict=False):
            self._add(CheckReceipts(sent=each, last=last), _RECEIPT_DELAY_SECONDS)

    def delay(self, receipt_handle: str, received: int) -> None:
        """Let a task that failed ``received`` times be received again later: after 30 s, doubled each time."""
        seconds = min(_LONGEST_RETRY_SECONDS, 30 * 2 ** (received - 1))
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    def _add(self, task: Task, delay_seconds: int) -> None:
        self._client.send_message(
            QueueUrl=self._queue_url, MessageBody=task.model_dump_json(), DelaySeconds=delay_seconds
        )
