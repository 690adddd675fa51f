"""How long videos took in the last hour, from request to completion.

One item per hour, ``times#2026-11-23T03``, has the number of videos and the sum of their seconds for each ten minutes
of the hour. It belongs to no user. Plain updates of one item do not conflict, and an item takes 1,000 of them per
second (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from dreamvision.database.client import Database

_SLOT: Final = timedelta(minutes=10)
_SLOTS: Final = 6
# Each container reads the items this often at most.
_CACHED: Final = timedelta(minutes=1)
_LIFETIME: Final = timedelta(hours=3)

logger = Logger()


class _Slot(NamedTuple):
    """Ten minutes: the item of their hour, and their number in it (0 to 5)."""

    guard: str
    number: int

    @classmethod
    def of(cls, moment: datetime) -> "_Slot":
        utc = moment.astimezone(UTC)
        return cls(f"times#{utc:%Y-%m-%dT%H}", utc.minute // (60 // _SLOTS))


class CompletionTimes:
    """The measured times of all users' videos."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.guards_table
        self._average: timedelta | None = None
        self._read_at: datetime | None = None

    def record(self, taken: timedelta, now: datetime) -> None:
        """Count a video that was completed ``now``. A failure is logged: the video is completed in any case."""
        slot = _Slot.of(now)
        try:
            self._database.client.update_item(
                TableName=self._table,
                Key={"guard": slot.guard},
                UpdateExpression="SET expires_at = :lapses ADD #videos :one, #seconds :seconds",
                ExpressionAttributeNames={"#videos": f"videos_{slot.number}", "#seconds": f"seconds_{slot.number}"},
                ExpressionAttributeValues={
                    ":one": 1,
                    ":seconds": round(taken.total_seconds()),
                    ":lapses": int((now + _LIFETIME).timestamp()),
                },
            )
        except (BotoCoreError, ClientError) as error:
            logger.warning("a completion time was not counted", extra={"error": type(error).__name__})

    def average(self, now: datetime) -> timedelta | None:
        """Return the average of the last hour, to ten minutes; ``None`` if no video was completed in it.

        Costs two read units, once a minute.

        Raises:
            ContentionError: DynamoDB did not return the items.
        """
        if self._read_at is None or not timedelta() <= now - self._read_at < _CACHED:
            self._average, self._read_at = self._read(now), now
        return self._average

    def _read(self, now: datetime) -> timedelta | None:
        # The current ten minutes are not over, so the oldest of the seven is partly more than an hour ago.
        slots = [_Slot.of(now - number * _SLOT) for number in range(_SLOTS + 1)]
        keys = [{"guard": guard} for guard in dict.fromkeys(slot.guard for slot in slots)]
        found: Mapping[str, Mapping[str, Any]] = {
            str(item["guard"]): item for item in self._database.batch_get({self._table: keys})[self._table]
        }
        items = [(found.get(slot.guard, {}), slot.number) for slot in slots]
        videos = sum(int(item.get(f"videos_{number}", 0)) for item, number in items)
        seconds = sum(int(item.get(f"seconds_{number}", 0)) for item, number in items)
        return timedelta(seconds=round(seconds / videos)) if videos else None
