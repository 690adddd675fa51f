"""Records of DynamoDB streams."""

import itertools
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from dreamvision.database.client import Database

_SEQUENCE = itertools.count(1000)


def record(table: str, new: dict[str, Any] | None, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the stream record of one change."""
    row = new or old or {}
    keys = {name: row[name] for name in ("user_id", "job_id" if "job_id" in row else "dream_id")}
    change: dict[str, Any] = {"Keys": _typed(keys), "SequenceNumber": f"{next(_SEQUENCE):021d}"}
    if new is not None:
        change["NewImage"] = _typed(new)
    if old is not None:
        change["OldImage"] = _typed(old)
    return {
        "eventID": change["SequenceNumber"],
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/2026-11-23T03:04:05.678",
        "dynamodb": change,
    }


def guard_record(guard: str) -> dict[str, Any]:
    """Return a record of the guards table, whose stream has keys only."""
    return {"eventName": "MODIFY", "dynamodb": {"Keys": {"guard": {"S": guard}}, "SequenceNumber": "1"}}


def changes(database: Database, table: str, work: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the stream records of what ``work`` changes in a table, by comparing its rows before and after."""
    before = _rows(database, table)
    work()
    after = _rows(database, table)
    return [
        record(table, after.get(key), before.get(key))
        for key in sorted(before.keys() | after.keys())
        if after.get(key) != before.get(key)
    ]


def _rows(database: Database, table: str) -> dict[str, dict[str, Any]]:
    found = database.client.scan(TableName=table)["Items"]
    return {str(row.get("job_id") or row.get("dream_id")): row for row in found}


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: _as_json(serializer.serialize(value)) for name, value in row.items()}


def _as_json(value: Any) -> dict[str, Any]:
    """Encode a value as in Lambda's JSON events: binary values are Base64."""
    return {"B": b64encode(bytes(value["B"])).decode()} if "B" in value else dict(value)
