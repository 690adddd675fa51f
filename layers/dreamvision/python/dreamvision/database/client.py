"""The DynamoDB client that all repositories share, and the names of the tables."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.exceptions import ClientError

from dreamvision.core.aws import client_config, error_code
from dreamvision.core.config import Config
from dreamvision.database.transactions import (
    ContentionError,
    Transaction,
    TransactionRefusedError,
    back_off,
    is_conflict,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

TOMBSTONE_PREFIX = "erasing#"
"""Precedes the user's id in the keys of tombstones (see ``erasure/repository.py``)."""

type Item = dict[str, Any]

# DynamoDB answers in single-digit milliseconds; a call that hangs must not eat the function's own timeout.
_CLIENT_CONFIG = client_config(attempts=4)


class TableNames(Config):
    """The tables by role, as the template names them."""

    profiles_table: str
    dreams_table: str
    videos_table: str
    guards_table: str


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

    def transact_write(self, transaction: Transaction, *, attempts: int = 6) -> None:
        """Carry out a transaction, without the optional writes whose conditions do not hold.

        A conflict with another writer is retried: DynamoDB cancels such a transaction as a whole, so that is safe.

        Raises:
            TransactionRefusedError: a condition did not hold.
            ContentionError: still in conflict after the last attempt.
        """
        while True:
            try:
                self._transact(transaction, attempts)
            except TransactionRefusedError as refused:
                remaining = transaction.without_optional(refused.failed)
                if remaining is None:
                    raise
                transaction = remaining
            else:
                return

    def _transact(self, transaction: Transaction, attempts: int) -> None:
        for attempt in range(attempts):
            try:
                self.client.transact_write_items(TransactItems=transaction.items)  # type: ignore[arg-type]
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                codes = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
                if not is_conflict(codes):
                    raise transaction.refusal(codes) from None
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
