"""Copy rows from a restored table into the table that the stack uses (docs/RUNBOOK.md).

DynamoDB restores into a new table; the stack's own table keeps its name, stream, permissions and settings.

    python -m local.restore_rows RESTORED LIVE --rows missing [--user <user id>] [--write]

Without ``--write`` it only counts. Uses the AWS credentials and region of the environment.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

type Item = dict[str, Any]

_TOMBSTONE = "erasing#"
_TEXT = "text#"
_USER = "user_id"


class RestoreError(Exception):
    """The tables do not fit together. The message is shown to the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.restore_rows",
        description="Copy rows from a restored table into the table that the stack uses.",
    )
    parser.add_argument("restored", help="the restored table, which is only read")
    parser.add_argument("live", help="the table of the stack")
    parser.add_argument(
        "--rows",
        choices=("missing", "changed"),
        required=True,
        help="missing: rows that the live table lacks; changed: rows that are there with another content",
    )
    parser.add_argument("--user", help="only the rows of this user id")
    parser.add_argument("--write", action="store_true", help="write; without it, nothing is changed")
    options = parser.parse_args(arguments)
    client = boto3.client("dynamodb", config=Config(retries={"mode": "standard", "total_max_attempts": 10}))
    try:
        counts = restore(client, options.restored, options.live, options.rows, user=options.user, write=options.write)
    except (RestoreError, ClientError, BotoCoreError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    verb = "written" if options.write else "would be written (add --write)"
    print(f"{counts['read']} rows read, {counts[options.rows]} {verb}, {counts['skipped']} of erasures skipped")
    return 0


def restore(
    client: Any,  # noqa: ANN401 - boto3's clients have no type of their own
    restored: str,
    live: str,
    rows: str,
    *,
    user: str | None = None,
    write: bool = False,
) -> Counter[str]:
    """Copy rows and return how many were ``read``, ``missing``, ``changed`` and ``skipped``.

    Rows of erasures in progress are skipped: they describe what is deleted by now. A missing row is written only if it
    is still missing then.

    Raises:
        RestoreError: the tables have different keys, or a user's rows cannot be selected.
    """
    keys = _keys(client, restored)
    if keys != _keys(client, live):
        raise RestoreError(f"{restored} and {live} have different keys.")
    if _USER not in keys:
        raise RestoreError(f"{live} is not a table of users' data.")
    counts: Counter[str] = Counter()
    for item in _items(client, restored, user):
        counts["read"] += 1
        if item[_USER]["S"].startswith(_TOMBSTONE):
            counts["skipped"] += 1
            continue
        state = _state(client, live, keys, item)
        counts[state] += 1
        if write and state == rows:
            _put(client, live, keys[0], item, missing=state == "missing")
    return counts


def _keys(client: Any, table: str) -> list[str]:  # noqa: ANN401
    schema = client.describe_table(TableName=table)["Table"]["KeySchema"]
    # HASH before RANGE.
    return [part["AttributeName"] for part in sorted(schema, key=lambda part: str(part["KeyType"]))]


def _items(client: Any, table: str, user: str | None) -> Iterator[Item]:  # noqa: ANN401
    if user is None:
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]
        return
    for owner in (user, f"{_TEXT}{user}"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            ConsistentRead=True,
            KeyConditionExpression=f"{_USER} = :owner",
            ExpressionAttributeValues={":owner": {"S": owner}},
        )
        for page in pages:
            yield from page["Items"]


def _state(client: Any, live: str, keys: Sequence[str], item: Item) -> str:  # noqa: ANN401
    key = {name: item[name] for name in keys}
    found = client.get_item(TableName=live, Key=key, ConsistentRead=True).get("Item")
    if found is None:
        return "missing"
    return "same" if found == item else "changed"


def _put(client: Any, live: str, key: str, item: Item, *, missing: bool) -> None:  # noqa: ANN401
    # A row that was deleted or created meanwhile stays as it is.
    condition = "attribute_not_exists" if missing else "attribute_exists"
    try:
        client.put_item(TableName=live, Item=item, ConditionExpression=f"{condition}(#key)",
                        ExpressionAttributeNames={"#key": key})  # fmt: skip
    except client.exceptions.ConditionalCheckFailedException:
        print(f"a row of {item[_USER]['S']} was changed meanwhile and is left as it is", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
