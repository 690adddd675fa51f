"""The connection that all table modules share: names, client, transactions."""

import random
import time
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from dreamvision.core.config import Config
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TOMBSTONE_PREFIX = "erasing#"
"""Before a user's id in the keys of what is being erased (see ``tables/trash.py``)."""

type Item = dict[str, Any]
type Write = Mapping[str, Mapping[str, Any]]

# DynamoDB answers in single-digit milliseconds; a call that hangs must not eat the function's own timeout.
_CLIENT_CONFIG = BotoConfig(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})


class TableNames(Config):
    """The tables by role, as the template names them."""

    profiles_table: str
    dreams_table: str
    videos_table: str
    guards_table: str


class TransactionRefusedError(DreamVisionError):
    """A condition of a transaction did not hold. ``reasons`` has one code per write, ``None`` where it would hold."""

    default_message = "A condition check of the transaction failed."

    def __init__(self, reasons: Sequence[str | None]) -> None:
        super().__init__()
        self.reasons = tuple(reasons)

    def refused(self, index: int) -> bool:
        """Whether the write at this position is one whose condition did not hold."""
        return self.reasons[index] == "ConditionalCheckFailed"


class ContentionError(DreamVisionError):
    """Other writers kept touching the same rows for longer than we wait. Nothing was written."""

    default_message = "The write kept conflicting with other writes."
    user_message = "The service is busy right now. Please try again in a moment."


class Database:
    """Names and client together. The client takes and gives plain Python values (numbers come back as ``Decimal``)."""

    def __init__(self, names: TableNames, client: "DynamoDBClient | None" = None) -> None:
        self.names = names
        self._client = client

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, with the table names of the environment."""
        return cls(TableNames.from_environment())

    @cached_property
    def client(self) -> "DynamoDBClient":
        return self._client or boto3.resource("dynamodb", config=_CLIENT_CONFIG).meta.client

    def transact_write(self, writes: Sequence[Write], *, attempts: int = 6) -> None:
        """All of the writes or none of them.

        A conflict with another writer is tried again: DynamoDB refuses such a transaction as a whole, so that trying
        again is safe.

        Raises:
            TransactionRefusedError: a condition did not hold.
            ContentionError: still in conflict after the last attempt.
        """
        for attempt in range(attempts):
            try:
                self.client.transact_write_items(TransactItems=list(writes))  # type: ignore[arg-type]
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
                reasons = [None if code in (None, "None") else str(code) for code in codes]
                if "ConditionalCheckFailed" in reasons or not _is_conflict(reasons):
                    raise TransactionRefusedError(reasons) from None
                back_off(attempt)
            else:
                return
        raise ContentionError

    def batch_get(self, keys: Mapping[str, Sequence[Item]], *, attempts: int = 6) -> dict[str, list[Item]]:
        """The items that are there, by table, in no order; consistent reads of at most 100 keys in all.

        Raises:
            ContentionError: DynamoDB had no room for all of them, not even in the last attempt.
        """
        found: dict[str, list[Item]] = {table: [] for table in keys}
        wanted: Any = {table: {"Keys": list(each), "ConsistentRead": True} for table, each in keys.items()}
        for attempt in range(attempts):
            answer = self.client.batch_get_item(RequestItems=wanted)
            for table, items in answer["Responses"].items():
                found[table] += items
            wanted = answer["UnprocessedKeys"]
            if not wanted:
                return found
            # An answer is full at 16 MB; what is left then is not a matter of waiting, but waiting does no harm.
            back_off(attempt)
        raise ContentionError

    def transact_write_optional(self, needed: Sequence[Write], optional: Sequence[Write]) -> None:
        """``needed`` together with those of ``optional`` whose conditions hold.

        Raises:
            TransactionRefusedError: a condition of a needed write did not hold; its index is the one in ``needed``.
            ContentionError: see ``write_together``.
        """
        remaining = list(optional)
        while True:
            try:
                return self.transact_write([*needed, *remaining])
            except TransactionRefusedError as refused:
                if any(map(refused.refused, range(len(needed)))):
                    raise
                held = [write for index, write in enumerate(remaining, len(needed)) if not refused.refused(index)]
                if len(held) == len(remaining):
                    raise
                remaining = held


def _is_conflict(reasons: Sequence[str | None]) -> bool:
    return any(reason in ("TransactionConflict", "ThrottlingError") for reason in reasons)


def back_off(attempt: int) -> None:
    """Full jitter, 25 ms doubled per attempt, 400 ms at the most."""
    time.sleep(random.uniform(0, min(0.4, 0.025 * 2**attempt)))  # noqa: S311 - spreading load, not a secret


def error_code(error: ClientError) -> str:
    """The code of an AWS error, such as ``ConditionalCheckFailedException``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_condition_failure(error: ClientError) -> bool:
    """Whether a conditional write was refused because its condition did not hold."""
    return error_code(error) == "ConditionalCheckFailedException"


def build_update(values: Item) -> dict[str, Any]:
    """``UpdateExpression`` and its names and values that set every one of ``values``; ``None`` removes."""
    present = {name: value for name, value in values.items() if value is not None}
    absent = [name for name, value in values.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in present)
    if absent:
        expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": {f":{name}": value for name, value in present.items()},
    }
