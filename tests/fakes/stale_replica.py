"""DynamoDB's eventually consistent reads, which moto never shows: they may miss the latest writes.

Here they are answered from a replica that stands still: a read without ``ConsistentRead``, and every read of a global
index, returns what was stored at the last ``catch_up``. DynamoDB usually lags by less than a second, which is enough
for the next call of the same execution.
"""

import json
from types import SimpleNamespace
from typing import Any

import boto3

from dreamvision.database.client import Database
from tests.fakes.aws import REGION, TABLES, create_tables

_REPLICA_REGION = "us-west-2"
_READS = ("GetItem", "Query", "Scan", "BatchGetItem")
_METHODS = {"GetItem": "get_item", "Query": "query", "Scan": "scan", "BatchGetItem": "batch_get_item"}
_KEYS = {
    "ProfilesTable": ("user_id",),
    "DreamsTable": ("user_id", "dream_id"),
    "VideosTable": ("user_id", "job_id"),
    "GuardsTable": ("guard",),
    "ConnectionsTable": ("user_id", "connection_id"),
}


class StaleReplica:
    """Answers the eventually consistent reads of a database's client; ``stale_reads`` counts them.

    moto's regions are separate stores: the replica's tables are those of another region.
    """

    def __init__(self, database: Database) -> None:
        self._stored = boto3.client("dynamodb", region_name=REGION)
        self._replica = boto3.client("dynamodb", region_name=_REPLICA_REGION)
        create_tables(self._replica)
        self.stale_reads = 0
        self.catch_up()
        database.client.meta.events.register("before-call.dynamodb.*", self._answer)

    def catch_up(self) -> None:
        """Copy every table, as DynamoDB has done after a while."""
        for table in TABLES:
            stored = self._items(self._stored, table)
            for key, item in self._items(self._replica, table).items():
                if key not in stored:
                    self._replica.delete_item(TableName=table, Key={name: item[name] for name in _KEYS[table]})
            for item in stored.values():
                self._replica.put_item(TableName=table, Item=item)

    @staticmethod
    def _items(client: Any, table: str) -> dict[tuple[str, ...], dict[str, Any]]:
        items = client.scan(TableName=table)["Items"]
        return {tuple(item[name]["S"] for name in _KEYS[table]): item for item in items}

    def _answer(self, params: dict[str, Any], model: Any, **_: Any) -> Any:
        """Return botocore's response and its parsed body, which replace the call; ``None`` lets it happen."""
        if model.name not in _READS:
            return None
        request = json.loads(params["body"])
        if _is_consistent(request):
            return None
        self.stale_reads += 1
        return SimpleNamespace(status_code=200), getattr(self._replica, _METHODS[model.name])(**request)


def _is_consistent(request: dict[str, Any]) -> bool:
    if "RequestItems" not in request:
        return bool(request.get("ConsistentRead"))
    marks = {bool(each.get("ConsistentRead")) for each in request["RequestItems"].values()}
    assert len(marks) == 1, "one kind of read per batch"
    return marks.pop()
