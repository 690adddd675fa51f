"""The documentation pages: complete, cacheable, and without anything from another host."""

import base64
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from tests.conftest import REPOSITORY, load_function

PAGES = ("/api/v1/docs", "/api/v1/redoc")
# A Lambda response has at most 6 MB.
LARGEST_ANSWER = 6_000_000


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    size: int


def get(path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the function's response to the gateway."""
    route = re.sub(r"(/docs/assets)/.+", r"\1/{file_name}", path)
    event = {
        "version": "2.0",
        "routeKey": f"GET {route}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": dict(headers or {}),
        "requestContext": {"requestId": "r", "stage": "$default", "http": {"method": "GET", "path": path}},
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(
        function_name="docs", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
    )
    raw: dict[str, Any] = load_function("api/docs").handler(event, context)
    body = base64.b64decode(raw["body"]) if raw["isBase64Encoded"] else raw["body"].encode()
    return Answer(raw["statusCode"], raw["headers"], body, len(json.dumps(raw)))


def assets_of(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/[^"]+)"', get(page).body.decode())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_scripts_and_styles_from_our_files(page: str) -> None:
    answer = get(page)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    html = answer.body.decode()
    assert not re.search(r"<script(?![^>]* src=)", html)
    assert "<style" not in html
    assert "://" not in html
    assert len(assets_of(page)) == {"/api/v1/docs": 5, "/api/v1/redoc": 3}[page]


@pytest.mark.parametrize("page", PAGES)
def test_the_security_policy_allows_only_what_the_page_needs(page: str) -> None:
    policy = get(page).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("page", PAGES)
def test_assets_are_cached_forever(page: str) -> None:
    for path in assets_of(page):
        answer = get(path)
        assert answer.status == 200, path
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        expected = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
        assert answer.headers["Content-Type"] == expected[path.rpartition(".")[2]]
        assert answer.size < LARGEST_ANSWER


def test_pages_are_revalidated() -> None:
    assert all(get(path).headers["Cache-Control"] == "no-cache" for path in (*PAGES, "/api/v1/openapi.json"))


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "openapi.json",
        "asyncapi.json",
        "app.py",
        "swagger-init.js",
        "swagger-init.00000000000000000000000000000000.js",
        "..%2Fapp.py",
        ".",
        "redoc.LICENSE.txt",
    ],
)
def test_other_paths_are_not_found(name: str) -> None:
    answer = get(f"/api/v1/docs/assets/{name}")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_document_is_the_committed_one() -> None:
    answer = get("/api/v1/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == json.loads((REPOSITORY / "docs" / "openapi.json").read_text())


def test_the_page_shows_the_committed_messages() -> None:
    path = re.findall(r'data-document="([^"]+)"', get("/api/v1/docs").body.decode())
    assert len(path) == 1
    answer = get(path[0])
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == json.loads((REPOSITORY / "docs" / "asyncapi.json").read_text())


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/openapi.json"])
def test_a_cached_document_is_not_sent_again(path: str) -> None:
    etag = get(path).headers["ETag"]
    for header in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = get(path, {"if-none-match": header})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == etag
    assert get(path, {"if-none-match": '"other"'}).status == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_the_document_is_compressed_if_accepted(accepted: str, encoding: str | None) -> None:
    plain = get("/api/v1/openapi.json")
    answer = get("/api/v1/openapi.json", {"accept-encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(answer.body) if encoding else answer.body) == plain.body


def test_the_function_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.path[:0] = ['functions/api/docs', 'layers/dreamvision/python', 'layers/api/python']\n"
        "import app;"
        "print([name for name in ('boto3', 'botocore.client', 'httpx', 'jwt', 'anthropic') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_vendored_bundle_loads_from_no_other_host() -> None:
    bundle = (REPOSITORY / "functions" / "api" / "docs" / "assets" / "redoc.standalone.js").read_text()
    assert len(bundle) < 1_500_000
    assert "cdn." not in bundle
    assert not bundle.rstrip().rpartition("\n")[2].startswith("//# sourceMappingURL")
