"""Usernames: unique without regard to case, reserved before there is a user to own them.

A username is an item of ``user_profiles``, ``username#<normalized name>``. A reservation expires by itself, so that an
interrupted registration blocks nothing.
"""

import unicodedata
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from botocore.exceptions import ClientError

from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database, is_condition_failure
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.users.repository import FREE_TIER, ProfileRepository

# Longer than any request runs (the gateway gives up after 30 s), and short enough for somebody who tries again.
RESERVATION_LIFETIME = timedelta(seconds=60)


# A name that nobody has: no item, or one whose hold has lapsed.
_FREE = "attribute_not_exists(user_id) OR held_until < :now"


class UsernameTakenError(DreamVisionError):
    """Somebody else has the name, or is just about to."""

    default_message = "The user name is taken."
    user_message = "This user name is taken. Please choose another one."


class UsernameReservation(NamedTuple):
    """A name that is held for a profile to come. ``token`` tells it from another one of the same name."""

    username: str
    token: str


class ProfileExistsError(DreamVisionError):
    """The user has a complete profile already."""

    default_message = "The profile is complete already."


class Usernames:
    """The usernames of all users, and the profiles that carry them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.profiles_table

    def reserve(self, username: str, now: datetime) -> UsernameReservation:
        """Hold a name until its profile is completed, or ``RESERVATION_LIFETIME`` has passed.

        Raises:
            UsernameTakenError: somebody has the name or holds it.
        """
        reservation = UsernameReservation(username, token=new_id())
        values = {"held_by": reservation.token, "held_until": to_text(now + RESERVATION_LIFETIME)}
        try:
            self._database.client.put_item(
                TableName=self._table,
                Item={**_name_key(username), **values},
                ConditionExpression=_FREE,
                ExpressionAttributeValues={":now": to_text(now)},
            )
        except ClientError as error:
            if is_condition_failure(error):
                raise UsernameTakenError from None
            raise
        return reservation

    def release(self, reservation: UsernameReservation) -> None:
        """Give a held name back. Harmless when it was lost or completed meanwhile."""
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

    def assign(self, user_id: str, email: str, reservation: UsernameReservation, now: datetime) -> None:
        """Give the user the held name, together with the rest of the profile. Counters that are there stay.

        Raises:
            UsernameTakenError: the reservation had lapsed and somebody else took the name.
            ProfileExistsError: the profile has a name already.
        """
        naming = {
            "TableName": self._table,
            "Key": _name_key(reservation.username),
            "UpdateExpression": "SET owner_id = :user REMOVE held_by, held_until",
            "ConditionExpression": "held_by = :token",
            "ExpressionAttributeValues": {":user": user_id, ":token": reservation.token},
        }
        completing = {
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
                ":free": FREE_TIER,
                ":zero": Decimal(0),
            },
        }
        transaction = Transaction().add("username", {"Update": naming}).add("profile", {"Update": completing})
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise ProfileExistsError from None
            raise UsernameTakenError from None

    def rename(self, user_id: str, old: str, new: str, now: datetime) -> None:
        """Change the user's name from ``old`` to ``new`` and free the old one.

        Raises:
            UsernameTakenError: somebody else has the new name or holds it.
            ContentionError: the name is not ``old`` any more: somebody else renames the same user.
        """
        renaming = {
            "TableName": self._table,
            "Key": {"user_id": user_id},
            "UpdateExpression": "SET username = :new, updated_at = :now",
            "ConditionExpression": "username = :old",
            "ExpressionAttributeValues": {":new": new, ":old": old, ":now": to_text(now)},
        }
        transaction = Transaction().add("profile", {"Update": renaming})
        if normalized(old) != normalized(new):
            transaction.add("new_name", self._take_write(user_id, new, now))
            transaction.add("old_name", self._free_write(user_id, old))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise ContentionError from None
            raise UsernameTakenError from None

    def delete_profile(self, user_id: str) -> None:
        """Take profile and name away together. Harmless when they are gone."""
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
                "ConditionExpression": _FREE,
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
    """The form in which names are compared: without regard to case, compatibility forms and runs of spaces."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    return " ".join(plain.split())


def _name_key(username: str) -> dict[str, str]:
    return {"user_id": f"username#{normalized(username)}"}
