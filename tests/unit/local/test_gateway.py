"""The gateway: where requests for media go, and what a client cannot say about them."""

import asyncio
from typing import Any

import httpx
import pytest

from local.emulator.gateway import HttpGateway, Targets
from local.emulator.strict.signed_urls import VIEWER_BASE_URL

TARGETS = Targets(
    api="http://emulator/_aws/execute-api/a/$default",
    websockets="ws://emulator",
    emulator="http://emulator",
    media_host="d1.cloudfront.net",
    bucket="media-bucket",
    media_url="http://127.0.0.1:4567/media",
)
VIDEO = b"film"


class Emulator:
    """Answers with a film, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        length = {"content-length": str(len(VIDEO))}
        return httpx.Response(200, headers=length, content=b"" if request.method == "HEAD" else VIDEO)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


def ask(
    emulator: Emulator, path: str, method: str = "GET", query: str = "", **headers: str
) -> tuple[dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def websockets(*_: object) -> None:
        raise AssertionError

    async def request() -> None:
        gateway = HttpGateway(TARGETS, websockets)
        gateway._client = httpx.AsyncClient(transport=httpx.MockTransport(emulator))
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        await gateway(scope, receive, send)

    asyncio.run(request())
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}, sent[1]["body"]


def test_media_are_requested_from_the_distribution_as_signed(emulator: Emulator) -> None:
    ask(emulator, "/media/videos/u/j%2Ek.mp4", query="Expires=1&Signature=a~b", range="bytes=0-1")
    (asked,) = emulator.asked
    assert str(asked.url) == "http://emulator/videos/u/j%2Ek.mp4?Expires=1&Signature=a~b"
    assert (asked.headers["host"], asked.headers["range"]) == ("d1.cloudfront.net", "bytes=0-1")
    assert (asked.headers["x-forwarded-proto"], asked.headers[VIEWER_BASE_URL]) == ("https", TARGETS.media_url)


def test_a_client_cannot_say_what_was_signed(emulator: Emulator) -> None:
    forged = {"host": "d2.cloudfront.net", "x_forwarded_proto": "http", VIEWER_BASE_URL: "https://evil.example"}
    ask(emulator, "/media/videos/u/j.mp4", **forged)
    (asked,) = emulator.asked
    for name, value in (
        ("host", "d1.cloudfront.net"),
        ("x-forwarded-proto", "https"),
        (VIEWER_BASE_URL, TARGETS.media_url),
    ):
        assert asked.headers.get_list(name) == [value]


def test_forms_go_to_the_bucket_and_the_rest_to_the_api(emulator: Emulator) -> None:
    for path in ("/media-bucket", "/media-bucket/key", "/media-bucket-of-others", "/mediator"):
        ask(emulator, path, "POST", host="127.0.0.1:4567")
    urls = [str(asked.url).removeprefix("http://emulator") for asked in emulator.asked]
    api = "/_aws/execute-api/a/$default"
    assert urls == ["/media-bucket", "/media-bucket/key", f"{api}/media-bucket-of-others", f"{api}/mediator"]
    assert VIEWER_BASE_URL not in emulator.asked[0].headers


def test_an_answer_to_head_has_the_length_of_that_to_get(emulator: Emulator) -> None:
    assert ask(emulator, "/media/videos/u/j.mp4") == ({"content-length": "4"}, VIDEO)
    assert ask(emulator, "/media/videos/u/j.mp4", "HEAD") == ({"content-length": "4"}, b"")
