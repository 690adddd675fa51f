"""User profiles and their counters: the table ``user_profiles``.

A profile may be missing (a user created in the Cognito console): any write of a counter creates the item, and
``GET /auth/me`` completes it. ``dreams_by_category`` is one attribute per category, since an update cannot add to a map
that does not exist yet.

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
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.database.transactions import Write
from dreamvision.schemas.categories import Category
from dreamvision.users import monthly_stats

USERNAME_PREFIX = "username#"
"""Prefix of the key of a username's item (see ``users/usernames.py``)."""
_CATEGORY_PREFIX = "dreams_in_"


class AccountErasedError(DreamVisionError):
    """The account is being erased and accepts no new data."""

    default_message = "The account is being deleted."
    user_message = "This account is being deleted."


class Spending(NamedTuple):
    """Tokens, render credits, and their total cost in millionths of a US dollar."""

    input_tokens: int = 0
    output_tokens: int = 0
    credits: int = 0
    cost: Decimal = Decimal(0)


class Profile(BaseModel):
    """A row of ``user_profiles``; every attribute but the id may be missing.

    ``due`` is the part of ``cost`` that the service's counter does not contain yet (``limits/spending.py``).
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    user_id: str
    email: str | None = None
    username: str | None = None
    subscription_tier: str = SubscriptionTier.FREE
    dreams_count: int = 0
    videos_count: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    credits: int = 0
    cost: Decimal = Decimal(0)
    due: Decimal = Decimal(0)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    erasing_since: datetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def dreams_by_category(self) -> dict[Category, int]:
        counts: dict[str, Any] = self.model_extra or {}
        return {category: int(counts.get(_CATEGORY_PREFIX + category, 0)) for category in Category}

    def by_month(self, now: datetime) -> list[monthly_stats.Month]:
        """Return the statistics of the last twelve months, newest first."""
        return list(monthly_stats.read(self.model_extra or {}, now))


class StoredUser(NamedTuple):
    """A user with a row in the table. ``erasing_since``: once their erasure has begun. ``due``: see ``Profile``."""

    user_id: str
    created_at: datetime | None
    erasing_since: datetime | None
    due: Decimal = Decimal(0)


class StoredUserPage(NamedTuple):
    """Users, and the key after which the next page starts (``None`` on the last page)."""

    users: list[StoredUser]
    last_id: str | None


class ProfileRepository:
    """Reads profiles, and builds the counter writes for the transactions that change what is counted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.profiles_table

    def get(self, user_id: str, *, consistent: bool = False) -> Profile:
        """Return the profile, or an empty one of the free tier if there is none yet."""
        response = self._database.client.get_item(
            TableName=self._table, Key={"user_id": user_id}, ConsistentRead=consistent
        )
        return self.profile_in(user_id, [response["Item"]] if "Item" in response else [])

    def scan_users(self, limit: int, after_id: str | None = None) -> StoredUserPage:
        """Return the users among the next ``limit`` rows, in the order of the table's hash.

        A page may have no users: about half of the rows are usernames.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "Limit": limit,
            "ProjectionExpression": "user_id, created_at, erasing_since, due",
            "ConsistentRead": True,
        }
        if after_id:
            request["ExclusiveStartKey"] = {"user_id": after_id}
        response = self._database.client.scan(**request)
        last_key = response.get("LastEvaluatedKey")
        users = [_stored_user(item) for item in response["Items"]]
        return StoredUserPage(
            [user for user in users if not user.user_id.startswith(USERNAME_PREFIX)],
            str(last_key["user_id"]) if last_key else None,
        )

    @staticmethod
    def profile_in(user_id: str, items: Sequence[Item]) -> Profile:
        """Return the profile from a batch read's items (one or none)."""
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
        due: Decimal = Decimal(0),
    ) -> Write:
        """Return the write that increments the counters, for the transaction that writes what is counted.

        ``due`` is a cost for which that transaction has no write of the service's counter; negative once counted there.

        Its condition fails once the account is being erased, so that no new data escapes the erasure.
        """
        increments = _counts(dreams, videos, categories) | monthly_stats.counters(
            now, dreams=dreams, videos=videos, cost=spending.cost
        )
        spent = {
            "tokens_in": Decimal(spending.input_tokens),
            "tokens_out": Decimal(spending.output_tokens),
            "credits": Decimal(spending.credits),
            "cost": spending.cost,
            "due": due,
        }
        increments |= {name: number for name, number in spent.items() if number}
        remove_clause = f" REMOVE {', '.join(monthly_stats.expired_counters(now))}" if dreams else ""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"user_id": user_id},
                "UpdateExpression": "SET updated_at = :now, created_at = if_not_exists(created_at, :now), "
                "subscription_tier = if_not_exists(subscription_tier, :free)" + _add_clause(increments) + remove_clause,
                "ConditionExpression": "attribute_not_exists(erasing_since)",
                "ExpressionAttributeValues": {
                    ":now": to_text(now),
                    ":free": SubscriptionTier.FREE,
                    **_values(increments),
                },
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
        """Return the write that reverts what was counted at ``moment``. Spending is not reverted."""
        increments = _counts(-dreams, -videos, {category: -number for category, number in (categories or {}).items()})
        if monthly_stats.is_recent(moment, now):
            increments |= monthly_stats.counters(moment, dreams=-dreams, videos=-videos)
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"user_id": user_id},
                "UpdateExpression": "SET updated_at = :now" + _add_clause(increments),
                "ExpressionAttributeValues": {":now": to_text(now), **_values(increments)},
            }
        }

    def settle_write(self, user_id: str, due: Decimal) -> Write:
        """Return the write that removes what is due, for the transaction that counts it. Fails if it has changed."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"user_id": user_id},
                "UpdateExpression": "REMOVE due",
                "ConditionExpression": "due = :due",
                "ExpressionAttributeValues": {":due": due},
            }
        }

    def set_tier(self, user_id: str, tier: str, now: datetime) -> bool:
        """Set the subscription tier. Return false if there is no profile or the account is being erased."""
        try:
            self._database.client.update_item(
                TableName=self._table,
                Key={"user_id": user_id},
                UpdateExpression="SET subscription_tier = :tier, updated_at = :now",
                ConditionExpression="attribute_exists(user_id) AND attribute_not_exists(erasing_since)",
                ExpressionAttributeValues={":tier": tier, ":now": to_text(now)},
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def mark_erasing(self, user_id: str, now: datetime) -> None:
        """Mark the account as being erased, so it accepts no new data. Idempotent; a missing profile is ignored."""
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


def _stored_user(item: Item) -> StoredUser:
    created_at, erasing_since = item.get("created_at"), item.get("erasing_since")
    return StoredUser(
        str(item["user_id"]),
        datetime.fromisoformat(created_at) if created_at else None,
        datetime.fromisoformat(erasing_since) if erasing_since else None,
        item.get("due", Decimal(0)),
    )


def _counts(dreams: int, videos: int, categories: dict[Category, int] | None) -> dict[str, Decimal]:
    counts = {"dreams_count": dreams, "videos_count": videos}
    counts |= {_CATEGORY_PREFIX + category: number for category, number in (categories or {}).items()}
    return {name: Decimal(number) for name, number in counts.items() if number}


def _add_clause(increments: dict[str, Decimal]) -> str:
    return " ADD " + ", ".join(f"{name} :{name}" for name in increments) if increments else ""


def _values(increments: dict[str, Decimal]) -> dict[str, Decimal]:
    return {f":{name}": number for name, number in increments.items()}
