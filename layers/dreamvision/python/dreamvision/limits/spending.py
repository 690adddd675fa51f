"""What the service spends: one counter per UTC day, split into shards like the service's quota.

The transaction that stores an analysis or closes a video also counts its cost. DynamoDB charges two write units for
that, which the analysis of a text with an item of its own does not have left (docs/decisions/0024): its cost is added
to the profile (``due``) and counted with the user's next video, or by the hourly run of ``erasure/reconciliation.py``.

A video that failed or was cancelled counts if the provider had accepted its render: with what was charged, if the
provider has said so, otherwise with its estimate. The profiles have what was delivered only.
"""

import calendar
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from dreamvision.limits.quotas import SERVICE_SHARDS, day_of, shard_number


class Spent(NamedTuple):
    """Completed videos, and the costs of analyses and of accepted renders in millionths of a US dollar."""

    videos: int = 0
    claude: Decimal = Decimal(0)
    runway: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        return self.claude + self.runway

    @classmethod
    def sum_of(cls, parts: Iterable["Spent"]) -> "Spent":
        """Return the sum."""
        total = cls()
        for part in parts:
            total = cls(total.videos + part.videos, total.claude + part.claude, total.runway + part.runway)
        return total


class SpendingShard(NamedTuple):
    """One item of a day's counter."""

    day: str
    shard: int


def shard_of(counted_id: str, now: datetime) -> SpendingShard:
    """Return the shard of the day that counts what has this id."""
    return SpendingShard(day_of(now), shard_number(counted_id))


def shards_on(day: str) -> list[SpendingShard]:
    """Return all shards of a day (``2026-11-23``)."""
    return [SpendingShard(day, shard) for shard in range(SERVICE_SHARDS)]


def days_of_month(month: str) -> list[str]:
    """Return the days of a month (``2026-11``)."""
    first = date.fromisoformat(f"{month}-01")
    return [first.replace(day=day).isoformat() for day in range(1, calendar.monthrange(first.year, first.month)[1] + 1)]
