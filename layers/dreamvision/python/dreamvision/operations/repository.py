"""What only operators read or write: quota counts, the stop of a user's videos, and the record of a running command."""

from datetime import datetime, timedelta
from typing import NamedTuple

from botocore.exceptions import ClientError

from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.dreams.repository import dream_key
from dreamvision.limits.daily_counts import counts_in
from dreamvision.limits.quotas import DayCounts
from dreamvision.limits.repository import day_guard, operation_guard, running_guard

# Needed until the requests that were accepted before the block have ended: at most 29 s (template.yaml).
_STOP_LIFETIME = timedelta(days=3)
# Longer than the function's timeout (template.yaml).
HOLD = timedelta(seconds=90)


class UserCounts(NamedTuple):
    """What a user has used of a day, and the videos that are not final."""

    today: DayCounts
    running: int


class AnalysisUsage(NamedTuple):
    """The model and the tokens of an analysis."""

    model: str
    input_tokens: int
    output_tokens: int


class OperationsRepository:
    """Items of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guards = database.names.guards_table
        self._dreams = database.names.dreams_table

    def counts(self, user_id: str, day: str) -> UserCounts:
        """Return the user's counts."""
        today, running = day_guard(user_id, day), running_guard(user_id)
        keys = {self._guards: [{"guard": today}, {"guard": running}]}
        items = {item["guard"]: item for item in self._database.batch_get(keys)[self._guards]}
        return UserCounts(counts_in(items.get(today, {})), int(items.get(running, {}).get("videos", 0)))

    def reset_day(self, user_id: str, day: str) -> None:
        """Set the user's counts of a day to zero. Idempotent."""
        update = "SET videos = :none, analyses = :none, strikes = :none REMOVE refused"
        self._update_if(day_guard(user_id, day), update, "attribute_exists(guard)", {":none": 0})

    def stop_videos(self, user_id: str, now: datetime) -> None:
        """Let the user create no more videos, also by requests that are already being processed. Idempotent."""
        values = {":yes": True, ":lapses": int((now + _STOP_LIFETIME).timestamp())}
        self._update_if(running_guard(user_id), "SET stopped = :yes, expires_at = :lapses", "", values)

    def allow_videos(self, user_id: str) -> None:
        """Let the user create videos again. Idempotent."""
        self._update_if(running_guard(user_id), "REMOVE stopped", "attribute_exists(guard)", {})

    def hold(self, user_id: str, owner: str, now: datetime) -> bool:
        """Record that a command is changing the user. Return false if another one is. Ends by itself after ``HOLD``."""
        until = int((now + HOLD).timestamp())
        values = {":owner": owner, ":now": int(now.timestamp()), ":until": until}
        return self._update_if(
            operation_guard(user_id),
            "SET held_by = :owner, held_until = :until, expires_at = :until",
            # held_by = :owner: a retry of this write, after the response to the first attempt was lost.
            "attribute_not_exists(guard) OR held_until <= :now OR held_by = :owner",
            values,
        )

    def release(self, user_id: str, owner: str) -> None:
        """End the record of the command."""
        values = {":owner": owner, ":past": 0}
        self._update_if(operation_guard(user_id), "SET held_until = :past", "held_by = :owner", values)

    def analysis_usage(self, user_id: str, dream_id: str) -> AnalysisUsage | None:
        """Return what the analysis of a dream used, without reading any text; ``None`` without one."""
        response = self._database.client.get_item(
            TableName=self._dreams,
            Key=dream_key(user_id, dream_id),
            ProjectionExpression="#model, input_tokens, output_tokens",
            ExpressionAttributeNames={"#model": "model"},
            ConsistentRead=True,
        )
        item = response.get("Item", {})
        if "model" not in item:
            return None
        return AnalysisUsage(str(item["model"]), int(item["input_tokens"]), int(item["output_tokens"]))  # type: ignore[call-overload]

    def _update_if(self, guard: str, update: str, condition: str, values: Item) -> bool:
        request: Item = {"TableName": self._guards, "Key": {"guard": guard}, "UpdateExpression": update}
        request |= {"ConditionExpression": condition} if condition else {}
        request |= {"ExpressionAttributeValues": values} if values else {}
        try:
            self._database.client.update_item(**request)
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True
