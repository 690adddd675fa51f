"""Cognito's pre sign-up trigger: confirm new users immediately, if unconfirmed e-mail addresses are allowed.

The address is marked as verified as well: without that, a forgotten password could not be reset. It may be a
stranger's, which is why only the exact setting allows it.

Imports nothing slow: Cognito waits 5 s for an answer, including a cold start.
"""

import os
from typing import Any

_SELF_REGISTRATION = "PreSignUp_SignUp"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - unused, and absent in tests
    """Set the confirmation flags. Idempotent; users created by an administrator stay unchanged."""
    try:
        return _confirm(event, context)
    except Exception:
        # Imported, and run again with a report of the error, only after a failure.
        from dreamvision.core.error_reports import reports_errors

        return reports_errors(_confirm)(event, context)


def _confirm(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if event["triggerSource"] == _SELF_REGISTRATION and _allows_unconfirmed():
        event["response"]["autoConfirmUser"] = True
        event["response"]["autoVerifyEmail"] = True
    return event


def _allows_unconfirmed() -> bool:
    return os.environ.get("CONFIRM_EMAIL") == "false"
