"""Headers against caches, sniffing and plain HTTP, on every response of an API function."""

import json
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from dreamvision.core.errors import DreamVisionError
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.responses import json_response, no_content
from tests.conftest import REPOSITORY
from tests.fakes.aws import ENVIRONMENT

ROUTES = ("model", "tagged", "empty", "cached", "expected", "unexpected", "wrong")


class Body(BaseModel):
    """The body of a request or a response."""

    text: str = "x"


def public_api() -> Api:
    api = Api(public=frozenset({f"POST /{name}" for name in (*ROUTES, "unknown")}))
    routes = api.routes

    @routes.post("/model")
    def model(body: Body) -> Body:
        return body

    @routes.post("/tagged")
    def tagged() -> Response[Body]:
        return json_response(HTTPStatus.OK, Body(), {"ETag": '"x"'})

    @routes.post("/empty")
    def empty() -> Response[None]:
        return no_content()

    @routes.post("/cached")
    def cached() -> Response[Body]:
        return json_response(HTTPStatus.OK, Body(), {"Cache-Control": "public, max-age=60"})

    @routes.post("/expected")
    def expected() -> Body:
        raise DreamVisionError

    @routes.post("/unexpected")
    def unexpected() -> Body:
        raise RuntimeError

    @routes.post("/wrong")
    def wrong() -> Body:
        return {"text": 1}  # type: ignore[return-value]

    return api


def answer(route: str, body: str | None = None, **headers: str) -> dict[str, Any]:
    method, path = route.split(" ")
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {
            "requestId": "r",
            "stage": "$default",
            "http": {"method": method, "path": path},
            # Not those of an access token of ours.
            "authorizer": {"jwt": {"claims": {"token_use": "id"}}},
        },
        "body": body,
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(function_name="f", memory_limit_in_mb=512, invoked_function_arn="a", aws_request_id="r")
    found: dict[str, Any] = lambda_handler(public_api())(event, context)  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (200, ("POST /model", json.dumps({"text": "a dream"}))),
        (200, ("POST /tagged",)),
        (204, ("POST /empty",)),
        (400, ("POST /model", "no json")),
        (401, ("GET /private",)),
        (404, ("POST /unknown",)),
        (413, ("POST /model", "x" * 40_000)),
        (422, ("POST /model", '{"text": 1}')),
        (500, ("POST /expected",)),
        (500, ("POST /unexpected",)),
        (500, ("POST /wrong",)),
    ],
)
def test_no_response_may_be_stored_or_sniffed(
    status: int, found: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    response = answer(*found)
    assert response["statusCode"] == status
    assert response["headers"]["Cache-Control"] == "no-store"
    assert response["headers"]["X-Content-Type-Options"] == "nosniff"
    assert response["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_conditional_request_works_without_a_cache() -> None:
    response = answer("POST /tagged", if_none_match='"x"')
    assert (response["statusCode"], response["headers"]["ETag"]) == (304, '"x"')
    assert response["headers"]["Cache-Control"] == "no-store"


def test_a_route_may_allow_caching() -> None:
    assert answer("POST /cached")["headers"]["Cache-Control"] == "public, max-age=60"


def test_every_api_function_answers_through_the_api_class() -> None:
    for path in (REPOSITORY / "functions" / "api").glob("*/app.py"):
        assert path.read_text(encoding="utf-8").endswith("\nhandler = lambda_handler(api)\n"), path
