"""Cognito's pre token generation trigger: replace the scope of access tokens with our own.

The default scope of an access token authorizes ``UpdateUserAttributes``, ``ChangePassword``, ``DeleteUser`` and others
at Cognito's public API, past our code. The scope that replaces it authorizes our API alone.

Runs for every sign-in and refresh, as a version 2 event. Imports nothing slow: Cognito waits 5 s for an answer,
including a cold start. Format of the answer:
https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from typing import Any

# ``SCOPE`` in dreamvision/auth/tokens.py, which takes too long to import.
_SCOPE = "dreamvision/api"
_COGNITO_SCOPE = "aws.cognito.signin.user.admin"
# Cognito ignores an answer of another version and would issue the token with its own scope.
_VERSION = "2"


class EventVersionError(Exception):
    """The pool invokes the trigger with another ``LambdaVersion`` than ``V2_0``."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - unused, and absent in tests
    """Replace the scope. Idempotent. After an error, Cognito issues no token.

    Raises:
        EventVersionError: the event has a version that cannot change access tokens.
    """
    try:
        return _replace_scope(event, context)
    except Exception:
        # Imported, and run again with a report of the error, only after a failure.
        from dreamvision.core.error_reports import reports_errors

        return reports_errors(_replace_scope)(event, context)


def _replace_scope(event: dict[str, Any], _context: object) -> dict[str, Any]:
    if event.get("version") != _VERSION:
        raise EventVersionError
    scopes = {"scopesToAdd": [_SCOPE], "scopesToSuppress": [_COGNITO_SCOPE]}
    event["response"] = {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": scopes}}
    return event
