"""The capacity that calls to DynamoDB consume, by the rules of its documentation. moto returns a constant
``ConsumedCapacity``, so it is computed here from item sizes: a read unit is 4 KB, an eventually consistent read costs
half; a write unit is 1 KB, twice that in a transaction; a query is rounded up once, over all of its rows.
"""

import math
from decimal import Decimal
from typing import Any, NamedTuple

from boto3.dynamodb.types import Binary

from dreamvision.database.client import Database

_READS = frozenset({"GetItem", "Query", "BatchGetItem"})
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})


class Call(NamedTuple):
    """One call and its cost in read units (0 for a write)."""

    operation: str
    table: str
    read_units: float


class Meter:
    """Records every call of a database's client from its creation on."""

    def __init__(self, database: Database) -> None:
        self.calls: list[Call] = []
        self._request: dict[str, Any] = {}
        events = database.client.meta.events
        events.register_first("before-parameter-build.dynamodb.*", self._note_request)
        events.register_first("after-call.dynamodb.*", self._note)

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    @property
    def read_units(self) -> float:
        return sum(call.read_units for call in self.calls)

    @property
    def writes(self) -> list[str]:
        return [call.operation for call in self.calls if call.operation in _WRITES]

    def forget(self) -> None:
        self.calls.clear()

    def _note_request(self, params: dict[str, Any], **_: Any) -> None:
        self._request = dict(params)

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        assert model.name in _READS | _WRITES, f"{model.name} has no price here"
        units = 0.0
        if model.name == "BatchGetItem":
            # Each item is rounded up separately, and a missing item costs one unit.
            rows = [row for each in parsed["Responses"].values() for row in each]
            units = sum(math.ceil(item_bytes(row) / 4096) for row in rows)
            units += sum(len(each["Keys"]) for each in self._request["RequestItems"].values()) - len(rows)
        elif model.name in _READS:
            assert "FilterExpression" not in self._request, "what a filter leaves out costs too, and is not seen here"
            rows = parsed["Items"] if model.name == "Query" else [parsed.get("Item", {})]
            units = max(1, math.ceil(sum(map(item_bytes, rows)) / 4096))
            units *= 1.0 if self._request.get("ConsistentRead") else 0.5
        self.calls.append(Call(model.name, str(self._request.get("TableName", "")), units))


def item_bytes(item: dict[str, Any]) -> int:
    """Return the size of an item by DynamoDB's rules; accepts plain and typed values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("S", "N", "BOOL", "NULL", "SS", "B"):
        kind, plain = next(iter(value.items()))
        return _value_bytes(Decimal(plain) if kind == "N" else plain)
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bool) or value is None:
        return 1
    if isinstance(value, Decimal | int | float):
        digits = str(value).replace("-", "").replace(".", "").strip("0")
        return math.ceil(len(digits) / 2) + 1 + str(value).startswith("-")
    if isinstance(value, Binary):
        return len(value.__bytes__())
    if isinstance(value, bytes):
        return len(value)
    return sum(_value_bytes(each) for each in value)
