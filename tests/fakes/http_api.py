"""A function behind API Gateway's HTTP API: payload 2.0 in, a status, headers and a body out."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from dreamvision.auth.tokens import SCOPE, IdentitySettings
from tests.conftest import load_function
from tests.fakes.aws import ENVIRONMENT

_IDENTITY = IdentitySettings.from_environment(ENVIRONMENT)


@dataclass(frozen=True)
class Answer:
    """The response that a client receives. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """Return the code of the error."""
        assert self.headers["content-type"] == "application/problem+json"
        return str(self.body["type"]).rpartition(":")[2]


class HttpFunction:
    """``functions/<folder>``, called by a signed-in user: the authorizer has verified the token."""

    def __init__(self, folder: str) -> None:
        self._module = load_function(folder)

    def __call__(
        self,
        user_id: str,
        route: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **path: str,
    ) -> Answer:
        """Send a request to a route like ``GET /api/v1/videos/{job_id}``, with ``job_id`` among ``path``."""
        raw = self._module.handler(event(user_id, route, body, query or {}, headers or {}, path), _context())
        text = raw.get("body") or ""
        return Answer(
            status=raw["statusCode"],
            headers={name.lower(): value for name, value in (raw.get("headers") or {}).items()},
            body=json.loads(text) if text else None,
        )


def event(
    user_id: str,
    route: str,
    body: Any,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    path: Mapping[str, str],
) -> dict[str, Any]:
    method, address = route.split(" ")[0], route.split(" ")[1].format(**path)
    claims = {
        "sub": user_id,
        "token_use": "access",
        "iss": _IDENTITY.token_issuer,
        "client_id": _IDENTITY.user_pool_client_id,
        "origin_jti": "a-session",
        "iat": "1790000000",
        "exp": "1790003600",
        "scope": SCOPE,
    }
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": address,
        "rawQueryString": urlencode(query),
        "queryStringParameters": dict(query),
        "pathParameters": dict(path),
        "headers": {"content-type": "application/json", **headers},
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "http": {"method": method, "path": address, "sourceIp": "203.0.113.7"},
            "authorizer": {"jwt": {"claims": claims, "scopes": [SCOPE]}},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _context() -> Any:
    return SimpleNamespace(
        function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id=str(uuid.uuid4())
    )
