"""Who Schemathesis is: a registered user; somebody new for every request that would end a session or an account."""

import os
import secrets
import threading
from typing import Any

import httpx
import schemathesis
from hypothesis import strategies

_PASSWORD = "Sleepy-Heads-1"
# After such a request the token, or the whole user, is gone.
_ENDS_THE_SESSION = frozenset({"logout", "changePassword", "deleteMe", "updateMe"})
# Below the limit of a minute (10), so that it is not all that is tested of the routes that cost money.
_SPENDING_REQUESTS_PER_USER = 8

# A good form is not all: reserved domains (.test, .local ...) are refused as well, which no JSON Schema says.
schemathesis.openapi.format("email", strategies.from_regex(r"[a-z0-9]{1,20}@[a-z0-9]{1,20}\.(com|org)", fullmatch=True))


@schemathesis.auth(refresh_interval=None)
class Users:
    """Access tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: str | None = None
        self._spent = 0

    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str | None:
        operation = context.operation.definition.raw
        if operation.get("security") == []:
            return None
        if operation["operationId"] in _ENDS_THE_SESSION:
            return _registered()
        with self._lock:
            self._spent += any(each.get("name") == "Idempotency-Key" for each in operation.get("parameters", []))
            if self._token is None or self._spent > _SPENDING_REQUESTS_PER_USER:
                self._token, self._spent = _registered(), 1
            return self._token

    def set(self, case: schemathesis.Case[Any], data: str | None, context: schemathesis.AuthContext) -> None:
        if data is not None:
            case.headers["Authorization"] = f"Bearer {data}"


def _registered() -> str:
    name = f"tester-{secrets.token_hex(6)}"
    body: dict[str, Any] = {"email": f"{name}@example.com", "password": _PASSWORD, "username": name}
    url = f"{os.environ['API_URL']}/api/v1/auth/register"
    answer = httpx.post(url, json=body, timeout=40, trust_env=False)
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token
