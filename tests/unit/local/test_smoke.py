"""The smoke test: each of its checks notices what it is for."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.smoke import Credentials, Smoke, SmokeError, credentials_from

type Answer = tuple[int, Any]

USER = Credentials("smoke@example.com", "Secret-Word-1")
PROBLEM = {"content-type": "application/problem+json"}
PUBLIC = ("POST /api/v1/auth/", "GET /api/v1/health", "GET /api/v1/openapi", "GET /api/v1/docs")
PROFILE = "GET /api/v1/auth/me"
ANSWERS: dict[str, Answer] = {
    "GET /": (200, {"message": "DreamVision API"}),
    "GET /api/v1/health": (200, {"status": "healthy"}),
    "GET /api/v1/health/db": (200, {"status": "healthy"}),
    "GET /api/v1/openapi.json": (
        200,
        {
            "paths": dict.fromkeys(
                ("/api/v1/auth/login", "/api/v1/dreams", "/api/v1/dreams/generate-video", "/api/v1/videos")
            )
        },
    ),
    "GET /api/v1/docs": (200, "<html>"),
    "POST /api/v1/auth/login": (200, {"access_token": "t1", "refresh_token": "r1"}),
    "POST /api/v1/auth/register": (200, {"access_token": "t1", "refresh_token": "r1"}),
    "POST /api/v1/auth/refresh": (200, {"access_token": "t2", "refresh_token": "r2"}),
    PROFILE: (200, {"username": "smoke"}),
    "GET /api/v1/dreams": (200, {"dreams": []}),
    "GET /api/v1/videos": (200, {"videos": []}),
    "POST /api/v1/dreams/generate-video": (202, {"dream_id": "d", "job_id": "j"}),
    "GET /api/v1/videos/j": (
        200,
        {"status": "completed", "video_url": "https://media/video", "thumbnail_url": "https://media/image"},
    ),
    "DELETE /api/v1/dreams/d": (204, None),
}


class FakeApi:
    """An API that works, except for changed answers. It knows which tokens are valid."""

    def __init__(self) -> None:
        self.answers = ANSWERS
        self.calls: list[str] = []
        self.valid = {"t1", "t2"}

    def change(self, route: str, status: int, body: object) -> "FakeApi":
        """Change one answer; ``open`` stands for an API without an authorizer."""
        self.answers = {**self.answers, route: (status, body)}
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path}"
        self.calls.append(route)
        if route not in self.answers and route.startswith("GET /api/v1/dreams/"):
            return httpx.Response(
                404, json={"title": "Not found"}, headers={"content-type": "application/problem+json"}
            )
        if route in ("DELETE /api/v1/auth/me", "POST /api/v1/auth/logout") and route not in self.answers:
            self.valid.clear()
            return httpx.Response(204)
        status, body = self.answers[route]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        public = route.startswith(
            ("POST /api/v1/auth/", "GET /api/v1/health", "GET /api/v1/openapi", "GET /api/v1/docs")
        )
        if not public and route != "GET /" and token not in self.valid and "open" not in self.answers:
            return httpx.Response(401, json={"message": "Unauthorized"})
        if isinstance(body, str):
            return httpx.Response(status, text=body, headers={"content-type": "text/html"})
        return httpx.Response(status, json=body)


def media(request: httpx.Request) -> httpx.Response:
    assert "authorization" not in request.headers
    content = {"/video": b"\x00\x00\x00\x20ftypisom", "/image": b"\xff\xd8\xff\xe0"}
    return httpx.Response(200, content=content[request.url.path])


def run(
    api: FakeApi,
    credentials: Credentials | None = USER,
    *,
    film: bool = False,
    files: Callable[[httpx.Request], httpx.Response] = media,
) -> list[str]:
    lines: list[str] = []
    with (
        httpx.Client(base_url="https://api", transport=httpx.MockTransport(api)) as http,
        httpx.Client(transport=httpx.MockTransport(files)) as downloads,
    ):
        Smoke(http, downloads, credentials, sleep=lambda _: None, report=lines.append).run(film=film)
    return [line.split()[-1] for line in lines]


CHECKS = ["health", "documentation", "refusals", "sign-in", "lists", "refresh", "sign-out"]


def test_an_existing_user_signs_in_and_out() -> None:
    api = FakeApi()
    assert run(api) == CHECKS
    assert "POST /api/v1/auth/register" not in api.calls
    assert "DELETE /api/v1/auth/me" not in api.calls
    assert "POST /api/v1/dreams/generate-video" in api.calls, "without a token: refused"
    assert "GET /api/v1/videos/j" not in api.calls, "no video without --film"


def test_a_registered_user_is_deleted() -> None:
    api = FakeApi()
    assert run(api, None) == CHECKS
    assert "POST /api/v1/auth/login" not in api.calls
    assert "DELETE /api/v1/auth/me" in api.calls


def test_a_registered_user_is_deleted_after_a_failure_too() -> None:
    api = FakeApi().change("GET /api/v1/videos", 500, {"title": "Internal error", "request_id": "42"})
    with pytest.raises(SmokeError, match=r"GET /api/v1/videos: 500 instead of 200 \(Internal error, 42\)"):
        run(api, None)
    assert api.calls[-2:] == ["DELETE /api/v1/auth/me", PROFILE]


def test_a_film_is_rendered_on_request() -> None:
    api = FakeApi()
    assert run(api, film=True) == [*CHECKS[:5], "film", *CHECKS[5:]]
    assert "DELETE /api/v1/dreams/d" in api.calls


@pytest.mark.parametrize(
    ("route", "status", "body", "message"),
    [
        ("GET /api/v1/health", 200, {"status": "degraded"}, "the status is 'degraded'"),
        ("GET /api/v1/health/db", 200, {"status": "error"}, "the status is 'error'"),
        ("GET /api/v1/health", 503, {"message": "Service Unavailable"}, "503 instead of 200"),
        ("GET /api/v1/openapi.json", 200, {"paths": {}}, "no /api/v1/auth/login"),
        ("GET /api/v1/openapi.json", 200, "<html>", "no JSON object"),
        ("GET /api/v1/docs", 200, {}, "the content type is 'application/json'"),
        ("POST /api/v1/auth/login", 401, {"title": "Wrong", "detail": "smoke@example.com"}, r"\(Wrong\)"),
        ("POST /api/v1/auth/login", 200, {"access_token": "t1"}, "no refresh_token"),
        ("POST /api/v1/auth/refresh", 401, {"title": "Invalid"}, "refresh: 401 instead of 200"),
        ("GET /api/v1/dreams", 200, {"videos": []}, "no list of dreams"),
        ("GET /api/v1/videos/j", 200, {"status": "failed"}, "video j is 'failed'"),
        ("GET /api/v1/videos/j", 200, {"status": "processing"}, "not completed within 900 s"),
        ("POST /api/v1/auth/logout", 204, None, "GET /api/v1/auth/me: 200 instead of 401"),
        ("open", 200, None, "GET /api/v1/dreams: 200 instead of 401"),
    ],
)
def test_a_broken_api_is_noticed(route: str, status: int, body: object, message: str) -> None:
    with pytest.raises(SmokeError, match=message) as failed:
        run(FakeApi().change(route, status, body), film=True)
    for secret in (USER.email, USER.password, "t1", "r1"):
        assert secret not in str(failed.value)


def test_a_broken_video_is_noticed() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps({"error": "no file"}).encode())

    with pytest.raises(SmokeError, match="no MP4 file"):
        run(FakeApi(), film=True, files=broken)
    with pytest.raises(SmokeError, match="a file's address answers 403"):
        run(FakeApi(), film=True, files=lambda _: httpx.Response(403))


def test_an_api_without_an_answer_is_noticed() -> None:
    class Unreachable(FakeApi):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused")

    with pytest.raises(SmokeError, match=r"GET /: no answer \(ConnectError\)"):
        run(Unreachable())


def test_a_user_is_required_unless_one_may_be_registered() -> None:
    given = {"SMOKE_EMAIL": USER.email, "SMOKE_PASSWORD": USER.password}
    assert credentials_from(given, register=False) == USER
    assert credentials_from(given, register=True) is None
    for missing in ({}, {"SMOKE_EMAIL": USER.email}, {"SMOKE_PASSWORD": USER.password}):
        with pytest.raises(SmokeError, match="SMOKE_EMAIL"):
            credentials_from(missing, register=False)
