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


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Replace the scope. Idempotent."""
    scopes = {"scopesToAdd": [_SCOPE], "scopesToSuppress": [_COGNITO_SCOPE]}
    event["response"] = {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": scopes}}
    return event
