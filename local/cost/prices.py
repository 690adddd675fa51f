"""Published prices, and the assumptions about use: the two TOML files beside this module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Price:
    """A price in US dollars per unit, and the units of a month that are free."""

    service: str
    unit: str
    dollars: Decimal
    free: Decimal
    source: str
    date: date

    def cost(self, quantity: Decimal, *, allowances: bool) -> Decimal:
        """Return the cost of a quantity, by default beyond the free units."""
        billed = max(Decimal(0), quantity - self.free) if allowances else quantity
        return billed * self.dollars


@dataclass(frozen=True)
class Assumption:
    """A value of which no file of the project knows better, and what it is."""

    value: int
    why: str


@cache
def prices() -> Mapping[str, Price]:
    """Return the prices by name, in the order of the page."""
    found = tomllib.loads((_FOLDER / "prices.toml").read_text())
    return {
        name: Price(
            service=entry["service"],
            unit=entry["unit"],
            dollars=Decimal(entry["dollars"]),
            free=Decimal(str(entry.get("free", 0))),
            source=entry["source"],
            date=entry["date"],
        )
        for name, entry in found.items()
    }


@cache
def assumptions() -> Mapping[str, Assumption]:
    """Return the assumptions by name."""
    found = tomllib.loads((_FOLDER / "assumptions.toml").read_text())["values"]
    return {name: Assumption(entry["value"], entry["why"]) for name, entry in found.items()}


@cache
def milliseconds() -> Mapping[str, int]:
    """Return the assumed billed milliseconds of an invocation by the function's logical id."""
    found: dict[str, int] = tomllib.loads((_FOLDER / "assumptions.toml").read_text())["milliseconds"]
    return found
