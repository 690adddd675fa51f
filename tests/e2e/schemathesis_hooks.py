"""Authentication of Schemathesis: a registered user, and a new one for every request that ends a session or an account,
and after every few rate-limited requests.
"""

import os
import re
import secrets
import threading
from typing import Any

import httpx
import schemathesis
from hypothesis import strategies

_PASSWORD = "Sleepy-Heads-1"
# After such a request the token or the whole user is invalid.
_ENDS_THE_SESSION = frozenset({"logout", "changePassword", "deleteMe"})
# Ten of each a minute and user.
_LIMITED = frozenset({"analyzeDream", "generateDreamVideo", "generateVideo"})
_REQUESTS_OF_A_USER = 9
_GOOD_KEY = re.compile(r"[!-~]{1,255}")

# The format is not enough: reserved domains (.test, .local ...) are rejected, which JSON Schema cannot express.
schemathesis.openapi.format("email", strategies.from_regex(r"[a-z0-9]{1,20}@[a-z0-9]{1,20}\.(com|org)", fullmatch=True))


@schemathesis.auth(refresh_interval=None)
class Users:
    """Access tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: str | None = None
        self._limited = 0

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str | None:
        if context.operation.definition.raw.get("security") == []:
            return None
        if context.operation.definition.raw["operationId"] in _ENDS_THE_SESSION:
            return _registered()
        with self._lock:
            self._limited += context.operation.definition.raw["operationId"] in _LIMITED
            if self._token is None or self._limited > _REQUESTS_OF_A_USER:
                self._token, self._limited = _registered(), 0
            return self._token

    def set(self, case: schemathesis.Case[Any], data: str | None, context: schemathesis.AuthContext) -> None:
        if data is not None:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Give every request a fresh key, which no schema can express: a valid key keeps its length and becomes unique."""
    key = str(case.headers.get("Idempotency-Key", ""))
    if _GOOD_KEY.fullmatch(key):
        case.headers["Idempotency-Key"] = secrets.token_hex(16) + key[32:]


def _registered() -> str:
    name = f"tester-{secrets.token_hex(6)}"
    body: dict[str, Any] = {"email": f"{name}@example.com", "password": _PASSWORD, "username": name}
    url = f"{os.environ['API_URL']}/api/v1/auth/register"
    answer = httpx.post(url, json=body, timeout=40, trust_env=False)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token
