"""CORS: preflights on every route, and headers on all responses, including errors."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.cloudformation_yaml import load_template
from tests.conftest import REPOSITORY
from tests.e2e.client import User

DOCUMENT: dict[str, Any] = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())
TEMPLATE = load_template((REPOSITORY / "template.yaml").read_text())
ORIGINS = TEMPLATE["Parameters"]["AllowedOrigins"]["Default"].split(",")
FOREIGN = "https://elsewhere.example"
# Headers that scripts may read anyway (the Fetch standard's safelist), and headers that no script needs.
READABLE_ANYWAY = {"cache-control", "content-encoding", "www-authenticate"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: Any = DOCUMENT
    for part in node.get("$ref", "#").removeprefix("#").split("/")[1:]:
        found = found[part]
    return found if "$ref" in node else node


def request_headers(operation: dict[str, Any]) -> set[str]:
    parameters = map(resolved, operation.get("parameters", []))
    named = {each["name"].lower() for each in parameters if each["in"] == "header"}
    return named | ({"authorization"} if operation["security"] else set()) | {"content-type"}


def preflight(http: httpx.Client, method: str, path: str, origin: str, headers: set[str]) -> httpx.Response:
    address = path.replace("{", "").replace("}", "")
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": ",".join(sorted(headers))}
    return http.options(address, headers={"Origin": origin, **asked})


def listed(value: str) -> set[str]:
    return {each.strip().lower() for each in value.split(",")}


@pytest.mark.parametrize(("method", "path", "operation"), [*operations()])
def test_every_route_answers_a_preflight(http: httpx.Client, method: str, path: str, operation: dict[str, Any]) -> None:
    headers = request_headers(operation)
    for origin in ORIGINS:
        answer = preflight(http, method, path, origin, headers)
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] == origin
        assert method.lower() in listed(answer.headers["access-control-allow-methods"])
        assert headers <= listed(answer.headers["access-control-allow-headers"])
    assert "access-control-allow-origin" not in preflight(http, method, path, FOREIGN, headers).headers


def test_allowed_origins_may_read_responses(user: User) -> None:
    created = "I was flying over a dark forest with twisted trees"
    calls = [
        (200, user.get, "/auth/me", None),
        (200, user.post, "/dreams/analyze", {"dream_text": created}),
        (404, user.get, "/dreams/019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10", None),
        (422, user.post, "/dreams/analyze", {"dream_text": "short"}),
        (401, user.post, "/auth/login", {"email": user.email, "password": "wrong"}),
    ]
    for status, call, path, body in calls:
        for origin in (*ORIGINS, FOREIGN):
            arguments = (path,) if body is None else (path, body)
            answer = call(*arguments, headers={"Origin": origin})
            assert answer.status_code == status, answer.text
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (origin if origin in ORIGINS else None), f"{path} from {origin}"
            if origin in ORIGINS:
                # Neither cookies nor HTTP authentication: a page cannot use a session that it does not hold.
                assert "access-control-allow-credentials" not in answer.headers
                assert "origin" in listed(answer.headers["vary"])
                assert "retry-after" in listed(answer.headers["access-control-expose-headers"])


def test_a_web_client_may_send_and_read_every_documented_header() -> None:
    cors = TEMPLATE["Resources"]["Api"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-cors"]
    for method, path, operation in operations():
        assert request_headers(operation) <= set(cors["allowHeaders"]), f"{method} {path}"
        assert method in cors["allowMethods"]
        for response in map(resolved, operation["responses"].values()):
            sent = {name.lower() for name in response.get("headers", {})} - READABLE_ANYWAY
            assert sent <= set(cors["exposeHeaders"]), f"{method} {path}"
