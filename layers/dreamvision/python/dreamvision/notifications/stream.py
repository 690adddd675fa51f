"""The consumer of the videos table's stream: notify users, and queue what could not be sent."""

from collections.abc import Iterable

from aws_lambda_powertools import Logger

from dreamvision.core.logging import log_unexpected
from dreamvision.database.client import TOMBSTONE_PREFIX
from dreamvision.database.stream_records import StreamRecord, sequence_of
from dreamvision.notifications.messages import Outcome
from dreamvision.notifications.sender import NotificationSender
from dreamvision.notifications.tasks import NotificationTasks
from dreamvision.schemas.videos import VideoStatus

_NOTIFIED = (VideoStatus.COMPLETED, VideoStatus.FAILED)

logger = Logger()


def notify(records: Iterable[StreamRecord], sender: NotificationSender, tasks: NotificationTasks) -> set[str]:
    """Notify the users of the videos in the records. Return the sequence numbers of the records to deliver again."""
    numbers: dict[Outcome, str] = {}
    failed: set[str] = set()
    for record in records:
        number = sequence_of(record)
        try:
            outcome = outcome_in(record)
        except Exception as error:
            log_unexpected(logger, error)
            failed.add(number)
            continue
        if outcome is not None:
            numbers[outcome] = number
    for outcome in sender.send(numbers):
        try:
            tasks.send_again(outcome)
        except Exception as error:
            log_unexpected(logger, error)
            failed.add(numbers[outcome])
    return failed


def outcome_in(record: StreamRecord) -> Outcome | None:
    """Return the video that the record's change has completed or failed; ``None`` for any other change."""
    new, old = record["dynamodb"].get("NewImage"), record["dynamodb"].get("OldImage")
    if new is None or old is None or new["user_id"]["S"].startswith(TOMBSTONE_PREFIX):
        return None
    status = VideoStatus(new["status"]["S"])
    if status not in _NOTIFIED or status == old["status"]["S"]:
        return None
    return Outcome(user_id=new["user_id"]["S"], job_id=new["job_id"]["S"], dream_id=new["dream_id"]["S"], status=status)
