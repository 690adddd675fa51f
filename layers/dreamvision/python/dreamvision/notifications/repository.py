"""Which devices were notified of a video: one item of the guards table per video, ``notified#<digest>``.

A device is claimed before the notification is sent. If the process ends in between, the notification is lost, never
sent twice. The item contains digests only, so it identifies no user; it expires by itself.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from dreamvision.database.client import Database
from dreamvision.notifications.digests import digest_of
from dreamvision.notifications.messages import Outcome

# Records are at most a day in the stream, and messages at most a day in the queue.
_LIFETIME_SECONDS = 3 * 24 * 3600


class NotificationClaims:
    """The claims of all videos. ``clock`` returns Unix seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def claim(self, outcome: Outcome, device_ids: Collection[str]) -> set[str]:
        """Claim devices and return those that were not claimed before. Costs one write."""
        digests = {digest_of(device_id): device_id for device_id in device_ids}
        response = self._database.client.update_item(
            TableName=self._database.names.guards_table,
            Key=_key(outcome),
            UpdateExpression="ADD devices :devices SET expires_at = :lapses",
            ExpressionAttributeValues={
                ":devices": set(digests),
                ":lapses": int(self._clock()) + _LIFETIME_SECONDS,
            },
            ReturnValues="ALL_OLD",
        )
        claimed_before: Any = response.get("Attributes", {}).get("devices", set())
        return {device_id for digest, device_id in digests.items() if digest not in claimed_before}

    def release(self, outcome: Outcome, device_ids: Collection[str]) -> None:
        """Give up claims of devices to which nothing was sent."""
        self._database.client.update_item(
            TableName=self._database.names.guards_table,
            Key=_key(outcome),
            UpdateExpression="DELETE devices :devices",
            ExpressionAttributeValues={":devices": {digest_of(device_id) for device_id in device_ids}},
        )


def _key(outcome: Outcome) -> dict[str, str]:
    return {"guard": f"notified#{digest_of(f'{outcome.user_id} {outcome.job_id} {outcome.status}')}"}
