"""Usernames: normalization, reservations and their keys."""

import unicodedata
from datetime import timedelta
from typing import NamedTuple

from dreamvision.core.errors import DreamVisionError

# Longer than any request runs (the gateway gives up after 30 s), and short enough for somebody who tries again.
RESERVATION_LIFETIME = timedelta(seconds=60)


# A name that nobody has: no item, or one whose hold has lapsed.
_FREE = "attribute_not_exists(user_id) OR held_until < :now"


class UsernameTakenError(DreamVisionError):
    """Somebody else has the name, or is just about to."""

    default_message = "The username is taken."
    user_message = "This username is taken. Please choose another one."


class UsernameReservation(NamedTuple):
    """A name that is held for a profile to come. ``token`` tells it from another one of the same name."""

    username: str
    token: str


def normalized(username: str) -> str:
    """The form in which names are compared: without regard to case, compatibility forms and runs of spaces."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", username).casefold())
    return " ".join(plain.split())


def _name_key(username: str) -> dict[str, str]:
    return {"user_id": f"username#{normalized(username)}"}
