"""DynamoDB's conflicts of concurrent transactions: the later transaction on an item is cancelled as a whole.

The emulator serializes such transactions, so that no conflict would occur in tests on it.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError


class ContendedTables:
    """A DynamoDB client whose transactions take ``seconds``; ``conflicts`` counts the cancelled ones."""

    def __init__(self, client: Any, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self.conflicts = 0

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def transact_write_items(self, *, TransactItems: Sequence[Mapping[str, Any]]) -> Any:  # noqa: N803 - AWS's name
        items = [_item(write) for write in TransactItems]
        with self._lock:
            reasons = [{"Code": "TransactionConflict" if item in self._busy else "None"} for item in items]
            if any(item in self._busy for item in items):
                self.conflicts += 1
                answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
                raise ClientError(answer, "TransactWriteItems")
            self._busy.update(items)
        time.sleep(self._seconds)
        with self._lock:
            self._busy.difference_update(items)
        return self._client.transact_write_items(TransactItems=TransactItems)


def _item(write: Mapping[str, Any]) -> str:
    ((_, request),) = write.items()
    key = request.get("Key") or {name: request["Item"][name] for name in _keys_of(request["Item"])}
    return f"{request['TableName']} {sorted(key.items())}"


def _keys_of(item: Mapping[str, Any]) -> list[str]:
    if "job_id" in item:
        return ["user_id", "job_id"]
    return ["user_id", "dream_id"] if "dream_id" in item else ["user_id"]
