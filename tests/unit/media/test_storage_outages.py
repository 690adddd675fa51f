"""S3 refuses a call, does not answer, or cannot be reached: always one of our errors, never AWS's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ReadTimeoutError,
)

from dreamvision.core.errors import DreamVisionError
from dreamvision.media.errors import MediaDeletionError, MediaReadError, MediaUploadError
from dreamvision.media.storage import MediaStore

OUTAGES = [
    ClientError({"Error": {"Code": "SlowDown", "Message": "no"}}, "Any"),
    EndpointConnectionError(endpoint_url="https://s3.invalid"),
    ReadTimeoutError(endpoint_url="https://s3.invalid"),
    NoCredentialsError(),
]


class Outage:
    """An S3 client whose every call raises, also a page of a listing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return self._raise

    def get_paginator(self, _: str) -> "Outage":
        return self

    def _raise(self, *_: object, **__: object) -> None:
        raise self._error


CALLS: list[tuple[Callable[[MediaStore], object], type[DreamVisionError]]] = [
    (lambda store: store.put_video("videos/u/j.mp4", Path("video.mp4")), MediaUploadError),
    (lambda store: store.put_thumbnail("thumbnails/t/j.jpg", b"jpeg"), MediaUploadError),
    (lambda store: store.put_preview("thumbnails/t/j.webp", b"webp"), MediaUploadError),
    (lambda store: store.read("uploads/u/d/i/t.jpg", 10), MediaReadError),
    (lambda store: store.delete_media(["videos/u/j.mp4"]), MediaDeletionError),
    (lambda store: store.delete_folder("videos/u/"), MediaDeletionError),
]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("call", "expected"), CALLS, ids=["video", "thumbnail", "preview", "read", "delete", "folder"])
def test_an_outage_is_one_of_our_errors(
    call: Callable[[MediaStore], object], expected: type[DreamVisionError], error: Exception
) -> None:
    with pytest.raises(expected) as raised:
        call(MediaStore("a-bucket", cast(Any, Outage(error))))
    assert str(raised.value) == expected.default_message


def test_an_upload_that_boto3_gives_up_is_one_of_our_errors() -> None:
    store = MediaStore("a-bucket", cast(Any, Outage(S3UploadFailedError("failed"))))
    with pytest.raises(MediaUploadError):
        store.put_video("videos/u/j.mp4", Path("video.mp4"))


def test_an_object_that_breaks_off_is_not_read() -> None:
    class BreaksOff:
        def get_object(self, **_: object) -> dict[str, object]:
            return {"Body": Outage(IncompleteReadError(actual_bytes=5, expected_bytes=10))}

    with pytest.raises(MediaReadError):
        MediaStore("a-bucket", cast(Any, BreaksOff())).read("uploads/u/d/i/t.jpg", 10)


def test_a_fault_of_our_own_is_not_an_outage() -> None:
    for call, _ in CALLS:
        with pytest.raises(KeyError):
            call(MediaStore("a-bucket", cast(Any, Outage(KeyError("a fault")))))
