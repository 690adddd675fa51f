"""The cinematic categories and their prompt templates."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Category(StrEnum):
    """A cinematic category. The values appear in the API and in the tables."""

    GOTHIC = "gothic"
    CHASE = "chase"
    FLIGHT = "flight"
    TRANSFORMATION = "transformation"
    PHYSICS = "physics"
    LIMINAL = "liminal"


TEMPLATE_NAMES: Final[Mapping[Category, str]] = MappingProxyType(
    {
        Category.GOTHIC: "GOTHIC",
        Category.CHASE: "CHASE",
        Category.FLIGHT: "FLIGHT",
        Category.TRANSFORMATION: "TRANSFORMATION",
        Category.PHYSICS: "PHYSICS",
        Category.LIMINAL: "LIMINAL",
    }
)
