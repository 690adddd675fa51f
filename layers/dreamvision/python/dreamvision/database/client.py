"""The DynamoDB client that all repositories share, and the names of the tables."""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.exceptions import ClientError

from dreamvision.core.aws import client_config, error_code
from dreamvision.core.config import Config
from dreamvision.database.transactions import ContentionError, Transaction, back_off, execute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# DynamoDB answers in single-digit milliseconds; a call that hangs must not use up the function's own timeout.
_CLIENT_CONFIG = client_config(attempts=4)

TOMBSTONE_PREFIX = "erasing#"
"""Prefix of the user id in the keys of tombstones (see ``erasure/repository.py``)."""

type Item = dict[str, Any]


class TableNames(Config):
    """The names of the tables, by role."""

    profiles_table: str
    dreams_table: str
    videos_table: str
    guards_table: str


class Database:
    """The table names and the client, which converts to and from Python values (numbers are read as ``Decimal``)."""

    def __init__(self, names: TableNames, client: "DynamoDBClient | None" = None) -> None:
        self.names = names
        self._client = client

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, with the table names from the environment."""
        return cls(TableNames.from_environment())

    @cached_property
    def client(self) -> "DynamoDBClient":
        return self._client or boto3.resource("dynamodb", config=_CLIENT_CONFIG).meta.client

    def transact_write(self, transaction: Transaction, *, attempts: int = 6) -> None:
        """Execute a transaction, without the optional writes whose conditions do not hold.

        Conflicts with other writers are retried, which is safe: DynamoDB cancels such a transaction as a whole.

        Raises:
            TransactionRefusedError: a condition did not hold.
            ContentionError: the last attempt still conflicted with other writers.
        """
        execute(self.client, transaction, attempts)

    def batch_get(self, keys: Mapping[str, Sequence[Item]], *, attempts: int = 6) -> dict[str, list[Item]]:
        """Return the existing items by table, unordered. Consistent reads of at most 100 keys in total.

        Raises:
            ContentionError: keys were still unprocessed after the last attempt.
        """
        found_items: dict[str, list[Item]] = {table: [] for table in keys}
        unprocessed: Any = {
            table: {"Keys": list(table_keys), "ConsistentRead": True} for table, table_keys in keys.items()
        }
        for attempt in range(attempts):
            response = self.client.batch_get_item(RequestItems=unprocessed)
            for table, items in response["Responses"].items():
                found_items[table] += items
            unprocessed = response["UnprocessedKeys"]
            if not unprocessed:
                return found_items
            # A response is also cut off at 16 MB, when waiting is unnecessary but does no harm.
            back_off(attempt)
        raise ContentionError


def is_condition_failure(error: ClientError) -> bool:
    """Return whether a write failed because its condition did not hold."""
    return error_code(error) == "ConditionalCheckFailedException"


def build_update(values: Item) -> dict[str, Any]:
    """Return an ``UpdateExpression`` that sets ``values``, with its names and values. ``None`` removes an attribute."""
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
