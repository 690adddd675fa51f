"""How often codes may be asked for and tried, by e-mail address, whether or not there is such an account.

Cognito counts too (5 to 20 an hour, as it sees fit), but not necessarily for addresses that it does not know: a client
could tell the two apart by who gets refused. This count comes first and is never above Cognito's.
"""

import hashlib
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from dreamvision.database.client import Database, is_condition_failure
from dreamvision.limits.rate_limits import TooManyAttemptsError

LIMIT = 5
_WINDOW_SECONDS = 3600


class CodeAction(StrEnum):
    """What is counted, each by itself."""

    CONFIRM = "confirm"
    RESEND = "resend"
    FORGOT = "forgot"
    RESET = "reset"


class CodeAttempts:
    """The counts, kept in the guards table under a digest of the address. Times are Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def count(self, attempt: CodeAction, email: str) -> None:
        """One more. Exact under concurrency: every step is one conditional write.

        Raises:
            TooManyAttemptsError: ``LIMIT`` of them were made within the hour.
        """
        now = int(self._clock())
        key = guard_key(attempt, email)
        if not self._begin(key, now) and not self._add(key, now):
            raise TooManyAttemptsError(_WINDOW_SECONDS)

    def _begin(self, key: str, now: int) -> bool:
        update = "SET attempts = :one, expires_at = :end"
        values = {":one": 1, ":now": now, ":end": now + _WINDOW_SECONDS}
        return self._write(key, update, "attribute_not_exists(guard) OR expires_at <= :now", values)

    def _add(self, key: str, now: int) -> bool:
        values = {":one": 1, ":now": now, ":limit": LIMIT}
        return self._write(key, "ADD attempts :one", "expires_at > :now AND attempts < :limit", values)

    def _write(self, key: str, update: str, condition: str, values: dict[str, Any]) -> bool:
        try:
            self._database.client.update_item(
                TableName=self._database.names.guards_table,
                Key={"guard": key},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True


def guard_key(attempt: CodeAction, email: str) -> str:
    """Where the count stands in the guards table; the address itself is not in it."""
    return f"attempts#{attempt}#{hashlib.sha256(email.encode()).hexdigest()}"
