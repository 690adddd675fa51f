"""Usernames: unique regardless of case, and reserved before the user is created.

A username is the item ``username#<normalized name>`` of ``user_profiles``. Reservations expire, so that an interrupted
registration does not block a name.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from botocore.exceptions import ClientError

from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.database.client import Database, is_condition_failure
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.users.repository import USERNAME_PREFIX, ProfileRepository

# Longer than any request (the gateway times out after 30 s), and short enough for a user who tries again.
RESERVATION_LIFETIME = timedelta(seconds=60)

# The name is available: no item, or an expired reservation.
_AVAILABLE = "attribute_not_exists(user_id) OR held_until < :now"


class UsernameTakenError(DreamVisionError):
    """Another user has the name or has reserved it."""

    default_message = "The username is taken."
    user_message = "This username is taken. Please choose another one."


class ProfileExistsError(DreamVisionError):
    """The user has a complete profile already."""

    default_message = "The profile is already complete."


class UsernameReservation(NamedTuple):
    """A name reserved for a new profile. ``token`` distinguishes reservations of the same name."""

    username: str
    token: str


class Usernames:
    """Reserves, assigns, changes and frees usernames, together with the profiles that they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.profiles_table

    def reserve(self, username: str, now: datetime) -> UsernameReservation:
        """Reserve a name for ``RESERVATION_LIFETIME``, or until it is assigned.

        Raises:
            UsernameTakenError: another user has the name or has reserved it.
        """
        reservation = UsernameReservation(username, token=new_id())
        values = {"held_by": reservation.token, "held_until": to_text(now + RESERVATION_LIFETIME)}
        try:
            self._database.client.put_item(
                TableName=self._table,
                Item={**_name_key(username), **values},
                ConditionExpression=_AVAILABLE,
                ExpressionAttributeValues={":now": to_text(now)},
            )
        except ClientError as error:
            if is_condition_failure(error):
                raise UsernameTakenError from None
            raise
        return reservation

    def release(self, reservation: UsernameReservation) -> None:
        """Release a reserved name. Idempotent; does nothing if the reservation was lost or the name was assigned."""
        try:
            self._database.client.delete_item(
                TableName=self._table,
                Key=_name_key(reservation.username),
                ConditionExpression="held_by = :token",
                ExpressionAttributeValues={":token": reservation.token},
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise

    def assign(
        self,
        user_id: str,
        email: str,
        reservation: UsernameReservation,
        now: datetime,
        others: Mapping[str, Write] = MappingProxyType({}),
    ) -> None:
        """Assign the reserved name to the user and complete the profile. Existing counters are kept.

        ``others``: unconditional writes of the same transaction.

        Raises:
            UsernameTakenError: the reservation had expired and another user took the name.
            ProfileExistsError: the profile already has a name.
        """
        name_update = {
            "TableName": self._table,
            "Key": _name_key(reservation.username),
            "UpdateExpression": "SET owner_id = :user REMOVE held_by, held_until",
            "ConditionExpression": "held_by = :token",
            "ExpressionAttributeValues": {":user": user_id, ":token": reservation.token},
        }
        profile_update = {
            "TableName": self._table,
            "Key": {"user_id": user_id},
            "UpdateExpression": "SET username = :username, email = :email, updated_at = :now, "
            "created_at = if_not_exists(created_at, :now), "
            "subscription_tier = if_not_exists(subscription_tier, :free), "
            "dreams_count = if_not_exists(dreams_count, :zero), videos_count = if_not_exists(videos_count, :zero)",
            "ConditionExpression": "attribute_not_exists(username)",
            "ExpressionAttributeValues": {
                ":username": reservation.username,
                ":email": email,
                ":now": to_text(now),
                ":free": SubscriptionTier.FREE,
                ":zero": Decimal(0),
            },
        }
        transaction = Transaction()
        transaction.add("username", {"Update": name_update}).add("profile", {"Update": profile_update})
        try:
            self._database.transact_write(transaction.add_all(others))
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise ProfileExistsError from None
            raise UsernameTakenError from None

    def rename(self, user_id: str, old: str, new: str, now: datetime) -> None:
        """Change the user's name from ``old`` to ``new`` and free the old one.

        Raises:
            UsernameTakenError: another user has the new name or has reserved it.
            ContentionError: the name is no longer ``old``: a concurrent request renamed the same user.
        """
        profile_update = {
            "TableName": self._table,
            "Key": {"user_id": user_id},
            "UpdateExpression": "SET username = :new, updated_at = :now",
            "ConditionExpression": "username = :old",
            "ExpressionAttributeValues": {":new": new, ":old": old, ":now": to_text(now)},
        }
        transaction = Transaction().add("profile", {"Update": profile_update})
        if normalized(old) != normalized(new):
            transaction.add("new_name", self._take_write(user_id, new, now))
            transaction.add("old_name", self._free_write(user_id, old))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise ContentionError from None
            raise UsernameTakenError from None

    def owner(self, username: str) -> str | None:
        """Return the id of the user who has the name, regardless of case; ``None`` if it is only reserved or free."""
        response = self._database.client.get_item(TableName=self._table, Key=_name_key(username), ConsistentRead=True)
        owner_id = response.get("Item", {}).get("owner_id")
        return None if owner_id is None else str(owner_id)

    def delete_profile(self, user_id: str) -> None:
        """Delete the profile and free its username in one transaction. Idempotent."""
        profile = ProfileRepository(self._database).get(user_id, consistent=True)
        transaction = Transaction()
        transaction.add("profile", {"Delete": {"TableName": self._table, "Key": {"user_id": user_id}}})
        if profile.username:
            transaction.add("name", self._free_write(user_id, profile.username))
        self._database.transact_write(transaction)

    def _take_write(self, user_id: str, username: str, now: datetime) -> Write:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {**_name_key(username), "owner_id": user_id},
                "ConditionExpression": _AVAILABLE,
                "ExpressionAttributeValues": {":now": to_text(now)},
            }
        }

    def _free_write(self, user_id: str, username: str) -> Write:
        return {
            "Delete": {
                "TableName": self._table,
                "Key": _name_key(username),
                "ConditionExpression": "attribute_not_exists(user_id) OR owner_id = :owner",
                "ExpressionAttributeValues": {":owner": user_id},
            }
        }


def normalized(username: str) -> str:
    """Return the form for comparing names: regardless of case, compatibility characters and repeated spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    return " ".join(folded.split())


def _name_key(username: str) -> dict[str, str]:
    return {"user_id": USERNAME_PREFIX + normalized(username)}
