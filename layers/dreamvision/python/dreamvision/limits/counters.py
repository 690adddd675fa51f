"""Counters of the guards table: increments with conditions, alone or in a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from dreamvision.core.aws import error_code
from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.database.transactions import ContentionError, back_off

_MAX_ATTEMPTS = 8


class Update(NamedTuple):
    """The item after an update, or unchanged if the condition did not hold."""

    applied: bool
    item: Item


@dataclass(frozen=True, slots=True)
class Increment:
    """Add one to each counter, each below its limit.

    ``strikes``: refuse if the item has this many strikes; 0 for never. ``condition``: a further one, with its
    ``values``; ``assignments``: further attributes to set.
    """

    limits: Mapping[str, int]
    expires_at: int
    strikes: int = 0
    condition: str = ""
    assignments: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def update(self) -> str:
        """The ``UpdateExpression``."""
        added = ", ".join(f"{name} :one" for name in self.limits)
        return f"SET {', '.join(('expires_at = :lapses', *self.assignments))} ADD {added}"

    @property
    def conditions(self) -> str:
        """The ``ConditionExpression``."""
        found = [_below(name, limit) for name, limit in self.limits.items()]
        if self.strikes > 0:
            found.append("(attribute_not_exists(strikes) OR strikes < :strikes)")
        return " AND ".join(filter(None, (*found, self.condition)))

    @property
    def expression_values(self) -> Item:
        """The ``ExpressionAttributeValues``."""
        found: Item = {":one": 1, ":lapses": self.expires_at, **self.values}
        found |= {f":max_{name}": limit for name, limit in self.limits.items()}
        return found | ({":strikes": self.strikes} if self.strikes > 0 else {})


def _below(name: str, limit: int) -> str:
    # With a limit of 0 not even the first is allowed.
    below = f"{name} < :max_{name}"
    return f"(attribute_not_exists({name}) OR {below})" if limit > 0 else below


def conditional_update(database: Database, guard: str, update: str, condition: str, values: Item) -> Update:
    """Update one item if the condition holds.

    Raises:
        ContentionError: transactions on the item outlasted the retries.
    """
    for attempt in range(_MAX_ATTEMPTS):
        try:
            response = database.client.update_item(
                TableName=database.names.guards_table,
                Key={"guard": guard},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if is_condition_failure(error):
                return Update(applied=False, item=_item_of(error))
            # The SDK does not retry a write that meets a transaction on the same item.
            if error_code(error) != "TransactionConflictException":
                raise
            back_off(attempt)
        else:
            return Update(applied=True, item=response["Attributes"])
    raise ContentionError


def _item_of(error: ClientError) -> Item:
    """Return the item that failed a condition, or an empty one. boto3 does not deserialize items in errors."""
    serialized: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
    # Imported here: only a failed condition needs it.
    from boto3.dynamodb.types import TypeDeserializer

    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in serialized.items()}
