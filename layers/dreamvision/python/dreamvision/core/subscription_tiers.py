"""The subscription tiers of users."""

from enum import StrEnum
from typing import Self


class SubscriptionTier(StrEnum):
    """A subscription tier."""

    FREE = "free"
    PREMIUM = "premium"

    @classmethod
    def of(cls, stored: str) -> Self:
        """Return the tier of a stored value; the free one for an unknown value, whose limits apply to it."""
        return cls(stored) if stored in cls else cls(cls.FREE)
