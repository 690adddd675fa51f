"""The consumer of the queue: read receipts, and send again. What keeps failing ends in the dead-letter queue."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Self

from aws_lambda_powertools import Logger
from pydantic import TypeAdapter

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.metrics import count_access_error
from dreamvision.database.client import Database
from dreamvision.devices.repository import DeviceRepository
from dreamvision.notifications.errors import PushUnavailableError
from dreamvision.notifications.expo import ExpoClient
from dreamvision.notifications.sender import NotificationSender, handle_error
from dreamvision.notifications.tasks import CheckReceipts, NotificationTasks, SendAgain, Task

_TASK: TypeAdapter[Task] = TypeAdapter(Task)

logger = Logger()


class FollowUp:
    """Does the tasks of the queue. Every one may be received twice."""

    def __init__(
        self,
        devices: DeviceRepository,
        sender: NotificationSender,
        tasks: NotificationTasks,
        expo: Callable[[], ExpoClient],
    ) -> None:
        self._devices = devices
        self._sender = sender
        self._tasks = tasks
        self._expo = expo

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        devices = DeviceRepository(Database.shared())
        return cls(devices, NotificationSender.shared(), NotificationTasks.shared(), ExpoClient.shared)

    def process(self, records: Iterable[Mapping[str, Any]]) -> set[str]:
        """Do the tasks in SQS's records. Return the message ids of those to receive again, which are delayed."""
        failed: set[str] = set()
        for record in records:
            try:
                self._do(_TASK.validate_json(record["body"]))
            except DreamVisionError as error:
                count_access_error(error)
                logger.warning("task failed", extra={"error": type(error).__name__})
                failed.add(self._delayed(record))
            except Exception as error:
                log_unexpected(logger, error)
                failed.add(self._delayed(record))
        return failed

    def _do(self, task: Task) -> None:
        match task:
            case SendAgain():
                if self._sender.send([task.outcome]):
                    raise PushUnavailableError
            case CheckReceipts():
                self._check(task)

    def _check(self, task: CheckReceipts) -> None:
        errors = self._expo().receipt_errors([each.receipt_id for each in task.sent])
        for each in task.sent:
            error = errors.get(each.receipt_id)
            if error is not None:
                handle_error(error, self._devices, each.user_id, each.token_digest)
        missing = [each for each in task.sent if each.receipt_id not in errors]
        if missing and not task.last:
            self._tasks.check_receipts(missing, last=True)

    def _delayed(self, record: Mapping[str, Any]) -> str:
        try:
            self._tasks.delay(record["receiptHandle"], int(record["attributes"]["ApproximateReceiveCount"]))
        except Exception as error:
            log_unexpected(logger, error)  # SQS delivers it again after the queue's own timeout
        return str(record["messageId"])
