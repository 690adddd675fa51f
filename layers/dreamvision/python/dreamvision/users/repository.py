"""``user_profiles``: who a user is, and how much there is of theirs.

A profile may be missing (somebody made the user in the Cognito console): whatever writes a counter makes the item, and
``GET /auth/me`` fills in the rest. ``dreams_by_category`` is one number per category, since an update cannot add to a
map that is not there yet.

Usernames are items of the same table: see ``users/usernames.py``.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, computed_field

from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.database.transactions import Write
from dreamvision.schemas.categories import Category
from dreamvision.users import monthly_stats

FREE_TIER = "free"
_CATEGORY_PREFIX = "dreams_in_"


class AccountErasedError(DreamVisionError):
    """The account is being erased: nothing new is kept for it."""

    default_message = "The account is being erased."
    user_message = "This account is being deleted."


class Spending(NamedTuple):
    """What something cost: tokens, credits of the renderer, and all of it in millionths of a US dollar."""

    input_tokens: int = 0
    output_tokens: int = 0
    credits: int = 0
    cost: Decimal = Decimal(0)


class Profile(BaseModel):
    """A row of ``user_profiles``; all but the id may still be missing."""

    model_config = ConfigDict(frozen=True, extra="allow")

    user_id: str
    email: str | None = None
    username: str | None = None
    subscription_tier: str = FREE_TIER
    dreams_count: int = 0
    videos_count: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    credits: int = 0
    cost: Decimal = Decimal(0)
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def dreams_by_category(self) -> dict[Category, int]:
        counts: dict[str, Any] = self.model_extra or {}
        return {category: int(counts.get(_CATEGORY_PREFIX + category, 0)) for category in Category}

    def by_month(self, now: datetime) -> list[monthly_stats.Month]:
        """The last twelve months, newest first."""
        return list(monthly_stats.read(self.model_extra or {}, now))


class ProfileRepository:
    """Reads, and the writes that belong into the transactions of what they count."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.profiles_table

    def get(self, user_id: str, *, consistent: bool = False) -> Profile:
        """The profile, or an empty one of the free tier where there is none yet."""
        found = self._database.client.get_item(
            TableName=self._table, Key={"user_id": user_id}, ConsistentRead=consistent
        )
        return self.profile_in(user_id, [found["Item"]] if "Item" in found else [])

    @staticmethod
    def profile_in(user_id: str, items: Sequence[Item]) -> Profile:
        """The profile that was read together with other things: one item or none."""
        return Profile.model_validate({"user_id": user_id, **(items[0] if items else {})})

    def count_write(
        self,
        user_id: str,
        now: datetime,
        *,
        dreams: int = 0,
        videos: int = 0,
        categories: dict[Category, int] | None = None,
        spending: Spending = Spending(),  # noqa: B008 - immutable
    ) -> Write:
        """The write that moves the counters, for the transaction that writes what is counted.

        It is refused once the account is being erased, so that nothing new comes up behind the erasure.
        """
        moved = _counts(dreams, videos, categories) | monthly_stats.counters(
            now, dreams=dreams, videos=videos, cost=spending.cost
        )
        spent = {
            "tokens_in": Decimal(spending.input_tokens),
            "tokens_out": Decimal(spending.output_tokens),
            "credits": Decimal(spending.credits),
            "cost": spending.cost,
        }
        moved |= {name: number for name, number in spent.items() if number}
        lapsed = f" REMOVE {', '.join(monthly_stats.expired_counters(now))}" if dreams else ""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"user_id": user_id},
                "UpdateExpression": "SET updated_at = :now, created_at = if_not_exists(created_at, :now), "
                "subscription_tier = if_not_exists(subscription_tier, :free)" + _adding(moved) + lapsed,
                "ConditionExpression": "attribute_not_exists(erasing_since)",
                "ExpressionAttributeValues": {":now": to_text(now), ":free": FREE_TIER, **_values(moved)},
            }
        }

    def uncount_write(
        self,
        user_id: str,
        now: datetime,
        moment: datetime,
        *,
        dreams: int = 0,
        videos: int = 0,
        categories: dict[Category, int] | None = None,
    ) -> Write:
        """The write that takes back what was counted at ``moment``. What was spent stays spent."""
        moved = _counts(-dreams, -videos, {category: -number for category, number in (categories or {}).items()})
        if monthly_stats.is_recent(moment, now):
            moved |= monthly_stats.counters(moment, dreams=-dreams, videos=-videos)
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"user_id": user_id},
                "UpdateExpression": "SET updated_at = :now" + _adding(moved),
                "ExpressionAttributeValues": {":now": to_text(now), **_values(moved)},
            }
        }

    def mark_erasing(self, user_id: str, now: datetime) -> None:
        """From now on nothing new is kept for the user. Harmless when there is no profile, or it was begun before."""
        try:
            self._database.client.update_item(
                TableName=self._table,
                Key={"user_id": user_id},
                UpdateExpression="SET erasing_since = if_not_exists(erasing_since, :now)",
                ConditionExpression="attribute_exists(user_id)",
                ExpressionAttributeValues={":now": to_text(now)},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise


def _counts(dreams: int, videos: int, categories: dict[Category, int] | None) -> dict[str, Decimal]:
    counts = {"dreams_count": dreams, "videos_count": videos}
    counts |= {_CATEGORY_PREFIX + category: number for category, number in (categories or {}).items()}
    return {name: Decimal(number) for name, number in counts.items() if number}


def _adding(moved: dict[str, Decimal]) -> str:
    return " ADD " + ", ".join(f"{name} :{name}" for name in moved) if moved else ""


def _values(moved: dict[str, Decimal]) -> dict[str, Decimal]:
    return {f":{name}": number for name, number in moved.items()}
