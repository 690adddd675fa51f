"""Cognito asks before it makes a user: confirm at once, unless the e-mail address is to be confirmed by a code.

The address is marked as verified as well: without that a forgotten password could never be reset.
"""

from functools import cache
from typing import Any

from dreamvision.core.config import Config

_SELF_REGISTRATION = "PreSignUp_SignUp"


class Settings(Config):
    """``CONFIRM_EMAIL``: whether a new user has to confirm their address."""

    confirm_email: bool = False


@cache
def settings() -> Settings:
    return Settings.from_environment()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Harmless when it is tried again. Users that an administrator makes are left as they are."""
    if event["triggerSource"] == _SELF_REGISTRATION and not settings().confirm_email:
        event["response"]["autoConfirmUser"] = True
        event["response"]["autoVerifyEmail"] = True
    return event
