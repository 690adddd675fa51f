"""Reading a query page by page. A page begins after a key, so that the first costs what the thousandth does."""

from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvision.database.client import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

# With a filter DynamoDB reads, and charges, rows that it then leaves out: this many per query, and at the most.
_ROWS_PER_FILTERED_QUERY = 100
_FILTERED_ROWS_PER_PAGE = 1000


class ItemPage(NamedTuple):
    """Items, and the last key that was used up for them (``None`` when there is nothing after it)."""

    items: list[Item]
    last_key: Item | None


def read_page(client: "DynamoDBClient", request: dict[str, Any], key_names: tuple[str, ...], limit: int) -> ItemPage:
    """The first ``limit`` items of a query. ``key_names`` are the keys of the table and of the index that is queried.

    One query, unless a query's megabyte is full before the page is. It reads one item more than it gives, so that a
    last page is known to be one. With a filter the page may be shorter and yet not be the last.
    """
    filtered = "FilterExpression" in request
    items: list[Item] = []
    looked_at = 0
    while True:
        wanted = _ROWS_PER_FILTERED_QUERY if filtered else limit + 1 - len(items)
        answer = client.query(**request, Limit=wanted)
        items += answer["Items"]
        looked_at += answer["ScannedCount"]
        last_key = answer.get("LastEvaluatedKey")
        if len(items) > limit:
            return ItemPage(items[:limit], {name: items[limit - 1][name] for name in key_names})
        if last_key is None:
            return ItemPage(items, None)
        if filtered and looked_at >= _FILTERED_ROWS_PER_PAGE:
            return ItemPage(items, last_key)
        request = {**request, "ExclusiveStartKey": last_key}


def read_all(client: "DynamoDBClient", request: dict[str, Any]) -> "Iterator[Item]":
    """Every item of a query, a megabyte at a time."""
    for page in client.get_paginator("query").paginate(**request):
        yield from page["Items"]
