"""The scope of the in-memory user pool's access tokens, which the pre token generation trigger may change."""

import json
from collections.abc import Callable
from runpy import run_path
from typing import Any, cast

from tests.conftest import REPOSITORY
from tests.fakes.cognito_state import User
from tests.fakes.token_issuer import COGNITO_SCOPE

type Trigger = Callable[[dict[str, Any], object], dict[str, Any]]


PRE_TOKEN_GENERATION = cast(
    Trigger, run_path(str(REPOSITORY / "functions/triggers/pre_token_generation/app.py"))["handler"]
)
"""The handler that the template deploys."""


def scope_of(user: User, pre_token_generation: Trigger | None) -> str:
    """Return the scope of an access token. ``None``: the pool has no trigger."""
    if pre_token_generation is None:
        return COGNITO_SCOPE
    event = {
        "version": "2",
        "triggerSource": "TokenGeneration_Authentication",
        "userName": user.sub,
        "request": {"userAttributes": {"email": user.email}, "scopes": [COGNITO_SCOPE]},
        "response": {"claimsAndScopeOverrideDetails": None},
    }
    answer = json.loads(json.dumps(pre_token_generation(event, None)))
    changes = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    return " ".join(sorted({COGNITO_SCOPE}.difference(changes["scopesToSuppress"]).union(changes["scopesToAdd"])))
