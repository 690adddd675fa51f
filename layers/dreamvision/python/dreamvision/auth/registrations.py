"""One registration or confirmation of an e-mail address at a time.

A new registration deletes an unconfirmed user of the same address. The lock keeps it from deleting one whose
registration is still running or who is being confirmed.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database, is_condition_failure

# Longer than the function's timeout (template.yaml). After a crash, the next attempt waits for this long.
_HOLD_SECONDS = 30


class RegistrationRunningError(DreamVisionError):
    """Another registration or confirmation of the address is running."""

    default_message = "The address is being registered or confirmed."


class RegistrationLock:
    """The lock of an e-mail address, an item ``registration#<HMAC>`` of the guards table."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._table = database.names.guards_table
        self._clock = clock

    @contextmanager
    def hold(self, address_key: str) -> Iterator[None]:
        """Hold the lock within the block. ``address_key`` is the sealed address.

        Raises:
            RegistrationRunningError: another request holds it.
        """
        holder, now = secrets.token_hex(8), int(self._clock())
        key = {"guard": f"registration#{address_key}"}
        self._take(key, holder, now)
        try:
            yield
        finally:
            self._release(key, holder)

    def _take(self, key: dict[str, str], holder: str, now: int) -> None:
        try:
            self._database.client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET held_by = :holder, held_until = :end, expires_at = :lapses",
                ConditionExpression="attribute_not_exists(guard) OR held_until <= :now",
                ExpressionAttributeValues={
                    ":holder": holder,
                    ":now": now,
                    ":end": now + _HOLD_SECONDS,
                    ":lapses": now + 2 * _HOLD_SECONDS,
                },
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            raise RegistrationRunningError from None

    def _release(self, key: dict[str, str], holder: str) -> None:
        try:
            self._database.client.delete_item(
                TableName=self._table,
                Key=key,
                ConditionExpression="held_by = :holder",
                ExpressionAttributeValues={":holder": holder},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise
