"""What users have used of a day: their analyses, their refused dreams, and what outlives an account.

A user's day is one item, ``quota#day#<user>#<date>``, which the transactions of videos count in as well.
"""

from datetime import datetime

from dreamvision.database.client import Database, Item
from dreamvision.database.transactions import Write
from dreamvision.limits.counters import Increment, Update, conditional_update
from dreamvision.limits.quotas import (
    SERVICE_SHARDS,
    AnalysisLimits,
    DayCounts,
    day_of,
    seconds_to_midnight,
    shard_part,
)
from dreamvision.limits.repository import QUOTA_LIFETIME_SECONDS, analyses_guard, day_guard


class DailyCounts:
    """The items of a day (UTC)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.guards_table

    def of(self, user_id: str, day: str) -> DayCounts:
        """Return what a user has used of a day (consistent read)."""
        return counts_in(self._get(day_guard(user_id, day)))

    # ------------------------------------------------------------ analyses

    def count_analysis(self, user_id: str, dream_id: str, limits: AnalysisLimits, now: datetime) -> Update:
        """Count an analysis of a user, unless the quota is used up, the user is paused or it was counted already.

        The last analysis counted is remembered, so that a repeated call for the same dream adds nothing.
        """
        increment = Increment(
            {"analyses": limits.per_day},
            _expiry(now),
            limits.strikes,
            "(attribute_not_exists(counted) OR counted <> :dream)",
            ("counted = :dream", "videos = if_not_exists(videos, :none)"),
            {":dream": dream_id, ":none": 0},
        )
        return self._update(day_guard(user_id, day_of(now)), increment)

    def uncount_analysis(self, user_id: str, now: datetime) -> None:
        """Revert the count of an analysis that the service's quota does not allow."""
        values = {":less": -1, ":none": 0}
        conditional_update(
            self._database, day_guard(user_id, day_of(now)), "ADD analyses :less", "analyses > :none", values
        )

    def count_service_analysis(self, shard: int, limits: AnalysisLimits, now: datetime) -> bool:
        """Count an analysis in a shard of the service's counter. Return false if the shard is full."""
        increment = Increment({"analyses": shard_part(limits.service_per_day, shard)}, _expiry(now))
        return self._update(analyses_guard(day_of(now), shard), increment).applied

    def analysis_shards_with_room(self, day: str, limits: AnalysisLimits) -> list[int]:
        """Return the shards of the service's analyses that are below their limit. Costs a read unit per shard."""
        counts = self._service_analyses(day)
        return [shard for shard, taken in enumerate(counts) if taken < shard_part(limits.service_per_day, shard)]

    def service_analyses(self, day: str) -> int:
        """Return the analyses of all users on a day. Costs a read unit per shard."""
        return sum(self._service_analyses(day))

    def _service_analyses(self, day: str) -> list[int]:
        guards = [analyses_guard(day, shard) for shard in range(SERVICE_SHARDS)]
        found = self._database.batch_get({self._table: [{"guard": guard} for guard in guards]})[self._table]
        taken = {str(item["guard"]): int(item["analyses"]) for item in found}
        return [taken.get(guard, 0) for guard in guards]

    # ------------------------------------------------------------ strikes

    def strike(self, user_id: str, refused_id: str, now: datetime) -> None:
        """Count a refused dream or video. Idempotent by its id."""
        conditional_update(
            self._database,
            day_guard(user_id, day_of(now)),
            "SET expires_at = :lapses, videos = if_not_exists(videos, :none) ADD strikes :one, refused :ids",
            "attribute_not_exists(refused) OR NOT contains(refused, :id)",
            {":lapses": _expiry(now), ":none": 0, ":one": 1, ":ids": {refused_id}, ":id": refused_id},
        )

    # ------------------------------------------------------------ what outlives an account

    def keep(self, user_id: str, mailbox: str, now: datetime) -> None:
        """Keep today's counts of an erased account for its mailbox, until midnight. Idempotent.

        A repeated call, after the counts of the user were deleted, changes nothing.
        """
        item = self._get(day_guard(user_id, day_of(now)))
        if not item:
            return
        kept: Item = {"guard": mailbox_guard(mailbox), "day": day_of(now), **counts_in(item)._asdict()}
        kept["expires_at"] = int(now.timestamp()) + seconds_to_midnight(now)
        self._database.client.put_item(TableName=self._table, Item=kept)

    def take_over_writes(self, user_id: str, mailbox: str, now: datetime) -> dict[str, Write]:
        """Return the write that gives a new user what the mailbox has used of today; none if it has used nothing."""
        item = self._get(mailbox_guard(mailbox))
        counts = counts_in(item)
        if item.get("day") != day_of(now) or not any(counts):
            return {}
        return {
            "counts": {
                "Update": {
                    "TableName": self._table,
                    "Key": {"guard": day_guard(user_id, day_of(now))},
                    "UpdateExpression": "SET expires_at = :lapses"
                    " ADD " + ", ".join(f"{name} :{name}" for name in counts._fields),
                    "ExpressionAttributeValues": {
                        ":lapses": _expiry(now),
                        **{f":{name}": number for name, number in counts._asdict().items()},
                    },
                }
            }
        }

    # ------------------------------------------------------------ items

    def _get(self, guard: str) -> Item:
        response = self._database.client.get_item(TableName=self._table, Key={"guard": guard}, ConsistentRead=True)
        item: Item = response.get("Item", {})
        return item

    def _update(self, guard: str, increment: Increment) -> Update:
        return conditional_update(
            self._database, guard, increment.update, increment.conditions, increment.expression_values
        )


def mailbox_guard(mailbox: str) -> str:
    """Return the key of what an erased account had used. ``mailbox`` is the HMAC of its e-mail address."""
    return f"mailbox#{mailbox}"


def counts_in(item: Item) -> DayCounts:
    """Return the counts of a day's item; zeros for an empty one."""
    return DayCounts(*(int(item.get(name, 0)) for name in DayCounts._fields))


def _expiry(now: datetime) -> int:
    return int(now.timestamp()) + QUOTA_LIFETIME_SECONDS
