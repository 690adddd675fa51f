"""The erasures that are not complete, in the ``guards`` table.

    erasure#<user_id>                an account
    erasure#<user_id>#<dream_id>     a dream

An item is written before an execution starts and deleted by its last step, so one that stays belongs to an erasure that
was interrupted, however that happened. Only these items have ``erasure_mark``: the index on it is as small as the
current work.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Self

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.core.clock import to_text
from dreamvision.database.client import Database, build_update, is_condition_failure

OPEN_INDEX = "open_erasures"
_OPEN_MARK = "open"


class OpenErasure(BaseModel):
    """An erasure that is not complete, and the name of its latest execution. Without ``dream_id``: of an account."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user_id: str
    dream_id: str | None = None
    execution: str


class OpenErasures:
    """Records erasures from their start to their end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.guards_table

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(Database.shared())

    def begin(self, erasure: OpenErasure, now: datetime) -> bool:
        """Record an erasure and its execution. Returns ``False`` if it was already open: then only the latter changes.

        One write.
        """
        update = build_update({**erasure.model_dump(exclude_none=True), "erasure_mark": _OPEN_MARK})
        update["UpdateExpression"] += ", started_at = if_not_exists(started_at, :now)"
        update["ExpressionAttributeValues"] |= {":now": to_text(now)}
        response = self._database.client.update_item(
            TableName=self._table,
            Key=_key(erasure.user_id, erasure.dream_id),
            ReturnValues="ALL_OLD",
            **update,
        )
        return "Attributes" not in response

    def restart(self, erasure: OpenErasure, execution: str) -> bool:
        """Record a further execution. Returns ``False`` if the erasure is complete by now."""
        try:
            self._database.client.update_item(
                TableName=self._table,
                Key=_key(erasure.user_id, erasure.dream_id),
                UpdateExpression="SET execution = :execution",
                ConditionExpression="attribute_exists(guard)",
                ExpressionAttributeValues={":execution": execution},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            return False
        return True

    def has_account(self, user_id: str) -> bool:
        """Return whether the erasure of an account is open. Costs one read unit: consistent."""
        response = self._database.client.get_item(
            TableName=self._table, Key=_key(user_id, None), ConsistentRead=True, ProjectionExpression="guard"
        )
        return "Item" in response

    def withdraw(self, erasure: OpenErasure) -> None:
        """Delete the record of an erasure that did not start, unless another request has started it meanwhile."""
        try:
            self._database.client.delete_item(
                TableName=self._table,
                Key=_key(erasure.user_id, erasure.dream_id),
                ConditionExpression="execution = :execution",
                ExpressionAttributeValues={":execution": erasure.execution},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise

    def end(self, user_id: str, dream_id: str | None = None) -> None:
        """Delete the record of a complete erasure. Idempotent."""
        self._database.client.delete_item(TableName=self._table, Key=_key(user_id, dream_id))

    def list_before(self, moment: datetime) -> Iterator[OpenErasure]:
        """Yield the open erasures of all users that began before ``moment``, oldest first; eventually consistent."""
        pages = self._database.client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="erasure_mark = :open AND started_at < :moment",
            ExpressionAttributeValues={":open": _OPEN_MARK, ":moment": to_text(moment)},
        )
        for page in pages:
            yield from (OpenErasure.model_validate(item) for item in page["Items"])


def _key(user_id: str, dream_id: str | None) -> dict[str, str]:
    return {"guard": "#".join(["erasure", user_id, *([dream_id] if dream_id else [])])}
