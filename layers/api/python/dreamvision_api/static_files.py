"""Files that a function serves: their types, their addresses and tags for caches, compression."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from aws_lambda_powertools.event_handler import Response

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}


class Representation(NamedTuple):
    """What is sent. ``encoding`` is ``gzip`` or empty."""

    body: bytes
    encoding: str
    etag: str


class File:
    """A file that is served; it is compressed once."""

    def __init__(self, name: str, content: bytes) -> None:
        self.content_type = _TYPES[Path(name).suffix]
        self._name = name
        self._content = content

    @cached_property
    def digest(self) -> str:
        """128 bits of its SHA-256."""
        return hashlib.sha256(self._content).hexdigest()[:32]

    @property
    def address(self) -> str:
        """Its name with its digest: another content has another address, so that it may be cached for ever."""
        stem, _, suffix = self._name.rpartition(".")
        return f"{stem}.{self.digest}.{suffix}"

    def representation(self, accept_encoding: str) -> Representation:
        """As the client takes it (``Accept-Encoding``)."""
        if _takes_gzip(accept_encoding):
            return Representation(self._compressed, "gzip", f'"{self.digest}-gzip"')
        return Representation(self._content, "", f'"{self.digest}"')

    @cached_property
    def _compressed(self) -> bytes:
        return gzip.compress(self._content, mtime=0)


def file_response(file: File, *, accept_encoding: str, headers: Mapping[str, str]) -> Response[str]:
    """The file, with the ``ETag`` that a client may ask with."""
    body, encoding, etag = file.representation(accept_encoding)
    sent: dict[str, str | list[str]] = {**headers, "ETag": etag, "Vary": "Accept-Encoding"}
    if encoding:
        sent["Content-Encoding"] = encoding
    answer = Response(
        status_code=int(HTTPStatus.OK),
        content_type=file.content_type,
        body=base64.b64encode(body).decode(),
        headers=sent,
    )
    # Bytes would be taken for a value to write as JSON where the file is JSON itself.
    answer.base64_encoded = True
    return answer


def _takes_gzip(accept_encoding: str) -> bool:
    for choice in accept_encoding.lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";")
        if coding in ("gzip", "*"):
            return weight not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
