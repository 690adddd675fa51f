"""Check an API from outside, as a client: health, documentation, refusals, sign-in, lists (``make smoke``).

The same checks run against the local stack and after every deploy. They need the API's URL and httpx, nothing of AWS. A
video is rendered only with ``--film``: it costs money.
"""

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from local import settings

_FILM_SECONDS = 900.0
_POLL_SECONDS = 5.0
_DURATION_SECONDS = 5
_DREAM = "A paper boat was sailing down a quiet street in the rain, and every window it passed lit up."
_ROUTES = frozenset({"/api/v1/auth/login", "/api/v1/dreams", "/api/v1/dreams/generate-video", "/api/v1/videos"})


class SmokeError(Exception):
    """A check failed. The message contains no token, address or password."""


@dataclass(frozen=True)
class Credentials:
    """A user who exists already. Without one, the checks register a user and delete it again."""

    email: str
    password: str


class Smoke:
    """The checks of one API.

    ``http`` calls the API; ``files`` downloads media, which needs neither its headers nor its token. ``sleep`` takes
    seconds.
    """

    def __init__(
        self,
        http: httpx.Client,
        files: httpx.Client,
        credentials: Credentials | None,
        sleep: Callable[[float], None] = time.sleep,
        report: Callable[[str], None] = print,
    ) -> None:
        self._http = http
        self._files = files
        self._credentials = credentials
        self._sleep = sleep
        self._report = report

    def run(self, *, film: bool) -> None:
        """Run every check.

        Raises:
            SmokeError: a check failed. The registered user is deleted nevertheless.
        """
        self._check("health", self._health)
        self._check("documentation", self._documentation)
        self._check("refusals", self._refusals)
        self._check("sign-in", self._sign_in)
        try:
            self._check("lists", self._lists)
            if film:
                self._check("film", self._film)
            self._check("refresh", self._refresh)
        except SmokeError:
            with suppress(SmokeError):
                self._leave()
            raise
        self._check("sign-out", self._leave)

    def _check(self, name: str, check: Callable[[], None]) -> None:
        check()
        self._report(f"  ok  {name}")

    def _health(self) -> None:
        self._call("GET", "/")
        for path in ("/api/v1/health", "/api/v1/health/db"):
            status = self._read("GET", path).get("status")
            _require(status == "healthy", f"GET {path}: the status is {status!r}")

    def _documentation(self) -> None:
        document = self._read("GET", "/api/v1/openapi.json")
        missing = _ROUTES - document.get("paths", {}).keys()
        _require(not missing, f"GET /api/v1/openapi.json: no {', '.join(sorted(missing))}")
        page = self._call("GET", "/api/v1/docs").headers.get("content-type", "")
        _require(page.startswith("text/html"), f"GET /api/v1/docs: the content type is {page!r}")

    def _refusals(self) -> None:
        for authorization in (None, "Bearer no-token"):
            headers = {"authorization": authorization} if authorization else {}
            for method, path in (("GET", "/api/v1/dreams"), ("POST", "/api/v1/dreams/generate-video")):
                self._call(method, path, 401, headers=headers)

    def _sign_in(self) -> None:
        if self._credentials is None:
            name = f"smoke-{secrets.token_hex(6)}"
            body = {"email": f"{name}@example.com", "password": f"Smoke-{secrets.token_hex(12)}-1", "username": name}
            answer = self._read("POST", "/api/v1/auth/register", json=body)
        else:
            body = {"email": self._credentials.email, "password": self._credentials.password}
            answer = self._read("POST", "/api/v1/auth/login", json=body)
        self._use(answer)

    def _use(self, tokens: Mapping[str, Any]) -> None:
        missing = {"access_token", "refresh_token"} - tokens.keys()
        _require(not missing, f"the session has no {' and no '.join(sorted(missing))}")
        self._http.headers["authorization"] = f"Bearer {tokens['access_token']}"
        self._refresh_token = str(tokens["refresh_token"])

    def _lists(self) -> None:
        self._call("GET", "/api/v1/auth/me")
        for path, name in (("/api/v1/dreams", "dreams"), ("/api/v1/videos", "videos")):
            found = self._read("GET", path, params={"limit": 1})
            _require(isinstance(found.get(name), list), f"GET {path}: no list of {name}")
        problem = self._call("GET", f"/api/v1/dreams/{uuid4()}", 404).headers.get("content-type", "")
        _require(problem.startswith("application/problem+json"), f"GET an unknown dream: a {problem!r}")

    def _film(self) -> None:
        body = {"dream_text": _DREAM, "duration": _DURATION_SECONDS}
        headers = {"prefer": "respond-async"}
        accepted = self._read("POST", "/api/v1/dreams/generate-video", 202, json=body, headers=headers)
        video = self._finished(accepted["job_id"])
        # An MP4 file begins with the length and the name of its first box.
        _require(self._media(video["video_url"])[4:8] == b"ftyp", "the video is no MP4 file")
        _require(self._media(video["thumbnail_url"])[:3] == b"\xff\xd8\xff", "the thumbnail is no JPEG file")
        self._call("DELETE", f"/api/v1/dreams/{accepted['dream_id']}", 204)

    def _finished(self, job_id: str) -> dict[str, Any]:
        for _ in range(int(_FILM_SECONDS / _POLL_SECONDS)):
            video = self._read("GET", f"/api/v1/videos/{job_id}")
            if video["status"] == "completed":
                return video
            _require(video["status"] in ("pending", "processing"), f"video {job_id} is {video['status']!r}")
            self._sleep(_POLL_SECONDS)
        raise SmokeError(f"video {job_id} was not completed within {_FILM_SECONDS:.0f} s")

    def _media(self, url: str) -> bytes:
        try:
            response = self._files.get(url)
        except httpx.HTTPError as error:
            raise SmokeError(f"a file was not downloaded ({type(error).__name__})") from None
        _require(response.status_code == 200, f"a file's address answers {response.status_code}")
        return response.content

    def _refresh(self) -> None:
        body = {"refresh_token": self._refresh_token}
        self._use(self._read("POST", "/api/v1/auth/refresh", json=body))
        self._call("GET", "/api/v1/auth/me")

    def _leave(self) -> None:
        """Delete the registered user, or end the session of the existing one: both end the access token at once."""
        if self._credentials is None:
            self._call("DELETE", "/api/v1/auth/me", 204)
        else:
            self._call("POST", "/api/v1/auth/logout", 204)
        self._call("GET", "/api/v1/auth/me", 401)

    def _read(self, method: str, path: str, expected: int = 200, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            found = self._call(method, path, expected, **options).json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SmokeError(f"{method} {path}: the body is no JSON object")
        return found

    def _call(self, method: str, path: str, expected: int = 200, **options: Any) -> httpx.Response:  # noqa: ANN401
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise SmokeError(f"{method} {path}: no answer ({type(error).__name__})") from None
        _require(
            response.status_code == expected,
            f"{method} {path}: {response.status_code} instead of {expected}{_explanation(response)}",
        )
        return response


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise SmokeError(message)


def _explanation(response: httpx.Response) -> str:
    """Return title and request id of a problem; its details may quote what was sent."""
    try:
        problem = response.json()
    except ValueError:
        return ""
    known = [str(problem[name]) for name in ("title", "request_id") if name in problem]
    return f" ({', '.join(known)})" if known else ""


def credentials_from(environment: Mapping[str, str], *, register: bool) -> Credentials | None:
    """Return the user in ``SMOKE_EMAIL`` and ``SMOKE_PASSWORD``; none if one is to be registered.

    Raises:
        SmokeError: there is no user, and none is to be registered.
    """
    if register:
        return None
    email, password = environment.get("SMOKE_EMAIL", ""), environment.get("SMOKE_PASSWORD", "")
    if not email or not password:
        raise SmokeError("Set SMOKE_EMAIL and SMOKE_PASSWORD, or pass --register where addresses need no confirmation.")
    return Credentials(email, password)


def _local_url() -> str:
    file = settings.load().outputs_file
    if not file.exists():
        raise SmokeError("The local stack is not running. Start it (make up), or pass --url.")
    return str(json.loads(file.read_text())["api_url"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.smoke", description="Check an API as a client.")
    parser.add_argument("--url", help="base URL of the API (default: the running local stack)")
    parser.add_argument("--register", action="store_true", help="register a user, and delete it at the end")
    parser.add_argument("--film", action="store_true", help="render a video of five seconds (costs money)")
    given = parser.parse_args(arguments)
    try:
        credentials = credentials_from(os.environ, register=given.register)
        url = given.url or _local_url()
        # Retries of connections only: a request is sent once.
        with (
            httpx.Client(base_url=url, timeout=45, transport=httpx.HTTPTransport(retries=3)) as http,
            httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=3)) as files,
        ):
            Smoke(http, files, credentials).run(film=given.film)
    except SmokeError as error:
        print(f"  FAILED  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
