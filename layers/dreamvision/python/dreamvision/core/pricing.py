"""Prices of model tokens and render credits. Imports no provider client, so any function can load it cheaply."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

# A full model id may end in its release date (claude-sonnet-4-5-20250929); the alias without it costs the same.
_RELEASE_DATE: Final = re.compile(r"-\d{8}$")
_TOKENS_PER_PRICE: Final = Decimal(1_000_000)
# Runway's price per credit: one US cent.
_MICROS_PER_CREDIT: Final = Decimal(10_000)

MICRO: Final = Decimal(1_000_000)
"""Millionths per US dollar. Costs are added up in millionths."""


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """Prices in US dollars per million tokens, without prompt caching or batch discounts."""

    input_per_million: Decimal
    output_per_million: Decimal


def _price(input_dollars: str, output_dollars: str) -> ModelPrice:
    return ModelPrice(Decimal(input_dollars), Decimal(output_dollars))


# Source: model overview pages on platform.claude.com, November 2026.
PRICES: Final[Mapping[str, ModelPrice]] = MappingProxyType(
    {
        "claude-sonnet-5-5": _price("2", "10"),
        "claude-sonnet-5": _price("2", "10"),
        "claude-sonnet-4-6": _price("3", "15"),
        "claude-sonnet-4-5": _price("3", "15"),
        "claude-haiku-4-5": _price("1", "5"),
        "claude-opus-5-5": _price("4", "20"),
    }
)


def micros_of_credits(credits: int) -> Decimal:
    """Return the cost of render credits in millionths of a US dollar."""
    return credits * _MICROS_PER_CREDIT


def model_family(model: str) -> str:
    """Return the model id without its release date: the key of the price and option tables."""
    return _RELEASE_DATE.sub("", model)


def estimate_cost(
    model: str, input_tokens: int, output_tokens: int, prices: Mapping[str, ModelPrice] = PRICES
) -> Decimal | None:
    """Return the cost in US dollars, exact and unrounded; ``None`` for a model without a known price.

    Raises:
        ValueError: a token count is negative.
    """
    if input_tokens < 0 or output_tokens < 0:
        raise ValueError("A token count cannot be negative.")
    price = prices.get(model_family(model))
    if price is None:
        return None
    total = input_tokens * price.input_per_million + output_tokens * price.output_per_million
    return total / _TOKENS_PER_PRICE
