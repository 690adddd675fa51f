"""Paginated queries. A page starts after a key, so the thousandth page costs no more than the first."""

from typing import TYPE_CHECKING, Any, NamedTuple

from dreamvision.database.client import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb.client import DynamoDBClient

# DynamoDB also charges for rows that a filter then drops: limit the rows read per query and per page.
_ROWS_PER_FILTERED_QUERY = 100
_FILTERED_ROWS_PER_PAGE = 1000


class ItemPage(NamedTuple):
    """Items, and the key to continue after (``None`` on the last page)."""

    items: list[Item]
    last_key: Item | None


def read_page(client: "DynamoDBClient", request: dict[str, Any], key_names: tuple[str, ...], limit: int) -> ItemPage:
    """Return the first ``limit`` items of a query. ``key_names`` are the key attributes of the table and its index.

    Sends one query, unless a query reaches its limit of 1 MB before the page is full. Reads one item more than it
    returns, to detect the last page. With a filter, a page may be shorter than ``limit`` without being the last.
    """
    filtered = "FilterExpression" in request
    items: list[Item] = []
    scanned_count = 0
    while True:
        query_limit = _ROWS_PER_FILTERED_QUERY if filtered else limit + 1 - len(items)
        response = client.query(**request, Limit=query_limit)
        items += response["Items"]
        scanned_count += response["ScannedCount"]
        last_key = response.get("LastEvaluatedKey")
        if len(items) > limit:
            return ItemPage(items[:limit], {name: items[limit - 1][name] for name in key_names})
        if last_key is None:
            return ItemPage(items, None)
        if filtered and scanned_count >= _FILTERED_ROWS_PER_PAGE:
            return ItemPage(items, last_key)
        request = {**request, "ExclusiveStartKey": last_key}


def read_all(client: "DynamoDBClient", request: dict[str, Any]) -> "Iterator[Item]":
    """Yield every item of a query, 1 MB per request."""
    for page in client.get_paginator("query").paginate(**request):
        yield from page["Items"]
