"""Static files of a function: content types, immutable URLs, entity tags and compression."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from aws_lambda_powertools.event_handler import Response

_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}


class Representation(NamedTuple):
    """The bytes to send. ``encoding`` is ``gzip`` or empty."""

    body: bytes
    encoding: str
    etag: str


class StaticFile:
    """A static file; it is compressed at most once."""

    def __init__(self, name: str, content: bytes) -> None:
        self.content_type = _CONTENT_TYPES[Path(name).suffix]
        self._name = name
        self._content = content

    @cached_property
    def digest(self) -> str:
        """128 bits of the content's SHA-256, in hex."""
        return hashlib.sha256(self._content).hexdigest()[:32]

    @property
    def hashed_name(self) -> str:
        """The name with the digest: it changes with the content, so the file can be cached forever."""
        stem, _, suffix = self._name.rpartition(".")
        return f"{stem}.{self.digest}.{suffix}"

    def representation(self, accept_encoding: str) -> Representation:
        """Return the representation to send for an ``Accept-Encoding`` header."""
        if _accepts_gzip(accept_encoding):
            return Representation(self._compressed, "gzip", f'"{self.digest}-gzip"')
        return Representation(self._content, "", f'"{self.digest}"')

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._content, mtime=0)


def file_response(file: StaticFile, *, accept_encoding: str, headers: Mapping[str, str]) -> Response[str]:
    """Return the file with its ``ETag``, compressed if the client accepts gzip."""
    body, encoding, etag = file.representation(accept_encoding)
    all_headers: dict[str, str | list[str]] = {**headers, "ETag": etag, "Vary": "Accept-Encoding"}
    if encoding:
        all_headers["Content-Encoding"] = encoding
    response = Response(
        status_code=int(HTTPStatus.OK),
        content_type=file.content_type,
        body=base64.b64encode(body).decode(),
        headers=all_headers,
    )
    # With a JSON content type, Powertools would serialize a bytes body as JSON: pass base64 instead.
    response.base64_encoded = True
    return response


def _accepts_gzip(accept_encoding: str) -> bool:
    for choice in accept_encoding.lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";")
        if coding in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
