"""The conditions of the roles on the partition keys of items (``dynamodb:LeadingKeys``), which no emulator checks.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html: every partition key of a
call must match one of the patterns. A transaction's writes are checked one by one, each by its own action.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.permissions.calls import TRANSACTION
from tests.permissions.roles import LEADING_KEYS, as_list, policies_of, statements


class KeyUse(NamedTuple):
    """An action on a table, and a partition key that the call names."""

    action: str
    table: str
    key: str


_ITEM = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")
# Of the guards table, and of all others.
_PARTITION_KEYS = ("guard", "user_id")


def key_uses(operation: str, params: Mapping[str, Any]) -> Iterator[KeyUse]:
    """Yield the partition keys that a call on items names. Queries are not included: none has such a condition."""
    if operation == "TransactWriteItems":
        for write in params["TransactItems"]:
            ((kind, item),) = write.items()
            yield _use(TRANSACTION[kind], item)
    elif operation == "BatchGetItem":
        for table, keys in params["RequestItems"].items():
            yield from (_use(operation, {"TableName": table, "Key": each}) for each in keys["Keys"])
    elif operation in _ITEM:
        yield _use(operation, params)


def _use(operation: str, item: Mapping[str, Any]) -> KeyUse:
    attributes = item["Key"] if "Key" in item else item["Item"]
    value = next(attributes[name] for name in _PARTITION_KEYS if name in attributes)
    return KeyUse(f"dynamodb:{operation}", item["TableName"], value["S"] if isinstance(value, dict) else value)


def allows_key(function: str, use: KeyUse) -> bool:
    """Return whether the role of ``<function>Function`` allows the key. ``use.table`` is the table's logical id."""
    return any(
        use.action == action and use.table == table and any(_matches(use.key, pattern) for pattern in patterns)
        for action, table, patterns in allowed_keys(function)
    )


@cache
def allowed_keys(function: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return the actions that a role allows in DynamoDB, each with a table's logical id and patterns of keys."""
    return tuple(
        (action, str(resource).removeprefix("<").removesuffix(".Arn>"), tuple(_patterns(statement)))
        for statement in statements(policies_of(f"{function}Function"))
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if action.startswith("dynamodb:")
    )


def _patterns(statement: Mapping[str, Any]) -> list[str]:
    operator, key = LEADING_KEYS
    found: list[str] = as_list(statement.get("Condition", {}).get(operator, {}).get(key, "*"))
    return found


def _matches(key: str, pattern: str) -> bool:
    """Match as ``StringLike`` does: ``*`` is any text, the separator of keys included."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), key, re.DOTALL) is not None
