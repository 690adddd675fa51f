"""Monthly counters in a user's profile: dreams, videos and cost of the last twelve months.

One attribute per month and kind, with a name of five bytes (``n2611``: dreams of November 2026), so that a profile
stays below 1 KB: every further kilobyte costs two more write units per dream. Counting a new dream removes expired
months. Months are in UTC.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

MONTHS: Final = 12

_DREAMS, _VIDEOS, _COST = "n", "v", "c"


class Month(NamedTuple):
    """The statistics of one month. ``name`` is ``2026-11``; ``cost`` is in millionths of a US dollar."""

    name: str
    dreams: int
    videos: int
    cost: Decimal


def counters(moment: datetime, *, dreams: int = 0, videos: int = 0, cost: Decimal = Decimal(0)) -> dict[str, Decimal]:
    """Return the attributes to add to, with their increments, for the month of ``moment``."""
    code = _code(_month_index(moment))
    increments = {f"{_DREAMS}{code}": Decimal(dreams), f"{_VIDEOS}{code}": Decimal(videos), f"{_COST}{code}": cost}
    return {name: number for name, number in increments.items() if number}


def is_recent(moment: datetime, now: datetime) -> bool:
    """Return whether the month of ``moment`` is among the last twelve."""
    return _month_index(now) - _month_index(moment) < MONTHS


def expired_counters(now: datetime) -> list[str]:
    """Return the attribute names of the twelve months before the last twelve."""
    codes = [_code(_month_index(now) - back) for back in range(MONTHS, 2 * MONTHS)]
    return [kind + code for code in codes for kind in (_DREAMS, _VIDEOS, _COST)]


def read(attributes: Mapping[str, Any], now: datetime) -> Iterator[Month]:
    """Yield the last twelve months from a profile's attributes, newest first."""
    for back in range(MONTHS):
        index = _month_index(now) - back
        code = _code(index)
        yield Month(
            name=f"{index // 12:04d}-{index % 12 + 1:02d}",
            dreams=int(attributes.get(f"{_DREAMS}{code}", 0)),
            videos=int(attributes.get(f"{_VIDEOS}{code}", 0)),
            cost=Decimal(attributes.get(f"{_COST}{code}", 0)),
        )


def _month_index(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _code(index: int) -> str:
    return f"{index // 12 % 100:02d}{index % 12 + 1:02d}"
