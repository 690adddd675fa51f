"""The media bucket, in moto, and ways to make S3 fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from dreamvision.media.storage import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "dreamvision-media"


@contextmanager
def media_bucket(monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    """Create an empty bucket in eu-central-1; yield the product's own client for it."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        client = s3_client()
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield client


def keys(client: "S3Client") -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def unfinished(client: "S3Client") -> int:
    """Return the number of multipart uploads that were neither completed nor aborted.

    They cost money and appear in no listing.
    """
    return len(client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


def failing(client: "S3Client", operation: str, on_call: int = 1) -> None:
    """Let one call of an operation fail with AccessDenied, which is not retried."""
    calls = 0

    def answer(**_: object) -> Any:
        nonlocal calls
        calls += 1
        if calls != on_call:
            return None
        response = type("Refused", (), {"status_code": 403})()
        return response, {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {}}

    client.meta.events.register(f"before-call.s3.{operation}", answer)
