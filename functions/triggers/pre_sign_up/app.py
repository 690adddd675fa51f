"""Cognito's pre sign-up trigger: confirm new users immediately, unless they must confirm their e-mail address.

The address is marked as verified as well: without that, a forgotten password could not be reset.
"""

from functools import cache
from typing import Any

from dreamvision.core.config import Config

_SELF_REGISTRATION = "PreSignUp_SignUp"


class Settings(Config):
    """``CONFIRM_EMAIL``: whether new users must confirm their address with a code."""

    confirm_email: bool = False


@cache
def settings() -> Settings:
    return Settings.from_environment()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Set the confirmation flags. Idempotent; users created by an administrator stay unchanged."""
    if event["triggerSource"] == _SELF_REGISTRATION and not settings().confirm_email:
        event["response"]["autoConfirmUser"] = True
        event["response"]["autoVerifyEmail"] = True
    return event
