"""DynamoDB transactions with named writes, so that an error can name the conditions that did not hold."""

import random
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from dreamvision.core.aws import error_code
from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Write = Mapping[str, Mapping[str, Any]]
"""One entry of ``TransactItems``: ``Put``, ``Update``, ``Delete`` or ``ConditionCheck``."""


class TransactionRefusedError(DreamVisionError):
    """DynamoDB refused a transaction. ``failed`` names the writes whose conditions did not hold."""

    default_message = "A condition check of the transaction failed."

    def __init__(self, failed: frozenset[str]) -> None:
        super().__init__()
        self.failed = failed


class ContentionError(DreamVisionError):
    """Conflicts with other writers outlasted the retries. Nothing was written."""

    default_message = "The write kept conflicting with other writes."
    user_message = "The service is busy right now. Please try again in a moment."


class Transaction:
    """At most 100 writes that DynamoDB executes atomically."""

    def __init__(self) -> None:
        self._writes: dict[str, Write] = {}
        self._optional: set[str] = set()

    def add(self, name: str, write: Write) -> Self:
        """Add a write whose condition must hold."""
        self._writes[name] = write
        return self

    def add_all(self, writes: Mapping[str, Write]) -> Self:
        """Add several writes whose conditions must hold."""
        self._writes.update(writes)
        return self

    def add_optional(self, writes: Mapping[str, Write]) -> Self:
        """Add writes that are dropped if their conditions do not hold."""
        self._writes.update(writes)
        self._optional.update(writes)
        return self

    @property
    def items(self) -> list[Write]:
        """The writes in insertion order, as ``TransactItems``."""
        return list(self._writes.values())

    def refusal(self, codes: Sequence[str]) -> TransactionRefusedError:
        """Return the error for DynamoDB's cancellation codes (one per write)."""
        failed = (name for name, code in zip(self._writes, codes, strict=False) if code == "ConditionalCheckFailed")
        return TransactionRefusedError(frozenset(failed))

    def without_optional(self, failed: frozenset[str]) -> "Transaction | None":
        """Return the transaction without the failed writes; ``None`` if none failed or not all are optional."""
        if not failed or not failed <= self._optional:
            return None
        remaining = Transaction()
        remaining._writes = {name: write for name, write in self._writes.items() if name not in failed}
        remaining._optional = self._optional - failed
        return remaining


def execute(client: "DynamoDBClient", transaction: Transaction, attempts: int) -> None:
    """Execute a transaction. See ``Database.transact_write``."""
    while True:
        try:
            _transact(client, transaction, attempts)
        except TransactionRefusedError as refused:
            remaining = transaction.without_optional(refused.failed)
            if remaining is None:
                raise
            transaction = remaining
        else:
            return


def _transact(client: "DynamoDBClient", transaction: Transaction, attempts: int) -> None:
    for attempt in range(attempts):
        try:
            client.transact_write_items(TransactItems=transaction.items)  # type: ignore[arg-type]
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            codes = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
            if not _is_conflict(codes):
                raise transaction.refusal(codes) from None
            back_off(attempt)
        else:
            return
    raise ContentionError


def _is_conflict(codes: Sequence[str]) -> bool:
    """Return whether a transaction was cancelled only because of other writers, so that it may be retried."""
    return "ConditionalCheckFailed" not in codes and any(
        code in ("TransactionConflict", "ThrottlingError") for code in codes
    )


def back_off(attempt: int) -> None:
    """Sleep with full jitter: up to 25 ms, doubled per attempt, at most 400 ms."""
    time.sleep(random.uniform(0, min(0.4, 0.025 * 2**attempt)))  # noqa: S311 - jitter, not a secret
