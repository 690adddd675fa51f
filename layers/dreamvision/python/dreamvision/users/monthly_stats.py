"""The last twelve months in a user's profile: how much there is of each, and what it cost.

One number per month and kind, under names of five bytes (``n2611``: dreams of November 2026), so that a profile stays
below a kilobyte: every kilobyte more is two write units more for every dream. Older months are taken out by whatever
counts a new dream. Months are UTC.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

MONTHS: Final = 12

_DREAMS, _VIDEOS, _COST = "n", "v", "c"


class Month(NamedTuple):
    """One month. ``cost`` is in millionths of a US dollar."""

    name: str
    dreams: int
    videos: int
    cost: Decimal


def counters(moment: datetime, *, dreams: int = 0, videos: int = 0, cost: Decimal = Decimal(0)) -> dict[str, Decimal]:
    """What to add to the profile for something that happened at ``moment``."""
    code = _code(_number(moment))
    counts = {f"{_DREAMS}{code}": Decimal(dreams), f"{_VIDEOS}{code}": Decimal(videos), f"{_COST}{code}": cost}
    return {name: number for name, number in counts.items() if number}


def is_recent(moment: datetime, now: datetime) -> bool:
    """Whether the month is still one of those that are counted."""
    return _number(now) - _number(moment) < MONTHS


def expired_counters(now: datetime) -> list[str]:
    """The names of the twelve months before those that are counted."""
    codes = [_code(_number(now) - back) for back in range(MONTHS, 2 * MONTHS)]
    return [kind + code for code in codes for kind in (_DREAMS, _VIDEOS, _COST)]


def read(counts: Mapping[str, Any], now: datetime) -> Iterator[Month]:
    """The months in a profile's attributes, newest first."""
    for back in range(MONTHS):
        number = _number(now) - back
        code = _code(number)
        yield Month(
            name=f"{number // 12:04d}-{number % 12 + 1:02d}",
            dreams=int(counts.get(f"{_DREAMS}{code}", 0)),
            videos=int(counts.get(f"{_VIDEOS}{code}", 0)),
            cost=Decimal(counts.get(f"{_COST}{code}", 0)),
        )


def _number(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _code(number: int) -> str:
    return f"{number // 12 % 100:02d}{number % 12 + 1:02d}"
