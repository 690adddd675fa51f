"""The media bucket, against moto."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dreamvision.media.errors import MediaDeletionError, MediaUploadError
from dreamvision.media.keys import new_media_token, preview_key, thumbnail_key, video_key
from dreamvision.media.storage import MediaStore, s3_client
from tests.fakes.media_bucket import BUCKET, failing, keys, media_bucket, unfinished
from tests.permissions.running import running_as

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

USER, JOB = "7b0c7c5e-5f0c-4f57-9d37-0c5b3f6f0a11", "0199c1e2-7a10-7cc3-9b1e-2f64a7f0d001"
KEY = video_key(USER, JOB)
MEGABYTE = 1024 * 1024


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    with media_bucket(monkeypatch) as client:
        yield client


@pytest.fixture
def store(client: "S3Client") -> MediaStore:
    return MediaStore(BUCKET, client)


def test_keys_are_grouped_by_owner_or_token() -> None:
    assert video_key(USER, JOB) == f"videos/{USER}/{JOB}.mp4"
    assert thumbnail_key("t0k_en-1", JOB) == f"thumbnails/t0k_en-1/{JOB}.jpg"
    assert preview_key("t0k_en-1", JOB) == f"thumbnails/t0k_en-1/{JOB}.webp"


@pytest.mark.parametrize("part", ["", "..", "a/b", "a.b", "a b", "é", "a\n", "x" * 129])
def test_a_key_cannot_reach_into_another_folder(part: str) -> None:
    for make in (video_key, thumbnail_key, preview_key):
        with pytest.raises(ValueError, match="ids only"):
            make(part, JOB)
        with pytest.raises(ValueError, match="ids only"):
            make(USER, part)


def test_tokens_have_128_bits_and_are_unique() -> None:
    tokens = {new_media_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(base64.urlsafe_b64decode(token + "==")) == 16 for token in tokens)


@pytest.mark.parametrize("size", [1, 8 * MEGABYTE - 1, 8 * MEGABYTE, 20 * MEGABYTE + 7])
def test_a_video_arrives_byte_for_byte_with_its_type(
    store: MediaStore, client: "S3Client", tmp_path: Path, size: int
) -> None:
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    file = tmp_path / "video.mp4"
    file.write_bytes(content)
    store.put_video(KEY, file)
    stored = client.get_object(Bucket=BUCKET, Key=KEY)
    assert hashlib.sha256(stored["Body"].read()).digest() == hashlib.sha256(content).digest()
    assert stored["ContentType"] == "video/mp4"
    assert stored["CacheControl"].startswith("private")
    assert unfinished(client) == 0


@pytest.mark.parametrize(
    ("operation", "on_call"),
    [
        ("CreateMultipartUpload", 1),
        ("UploadPart", 1),
        ("UploadPart", 3),
        ("CompleteMultipartUpload", 1),
    ],
)
def test_a_failed_upload_leaves_nothing(
    store: MediaStore, client: "S3Client", tmp_path: Path, operation: str, on_call: int
) -> None:
    # GIVEN a video of three parts, and S3 rejecting one call
    file = tmp_path / "video.mp4"
    file.write_bytes(bytes(20 * MEGABYTE))
    failing(client, operation, on_call)
    # WHEN it is uploaded
    with running_as("ArchiveVideo"), pytest.raises(MediaUploadError) as raised:
        store.put_video(KEY, file)
    # THEN neither an object nor parts of one are left, and the error contains nothing of AWS
    assert keys(client) == []
    assert unfinished(client) == 0
    assert str(raised.value) == MediaUploadError.default_message


def test_images_are_immutable_and_keep_their_type(store: MediaStore, client: "S3Client") -> None:
    store.put_thumbnail("thumbnails/t/j.jpg", b"\xff\xd8jpeg")
    store.put_preview("thumbnails/t/j.webp", b"RIFFwebp")
    for key, content_type, data in (
        ("thumbnails/t/j.jpg", "image/jpeg", b"\xff\xd8jpeg"),
        ("thumbnails/t/j.webp", "image/webp", b"RIFFwebp"),
    ):
        stored = client.get_object(Bucket=BUCKET, Key=key)
        assert stored["ContentType"] == content_type
        assert stored["CacheControl"] == "public, max-age=31536000, immutable"
        assert stored["Body"].read() == data


def test_a_rejected_image_is_an_upload_error(store: MediaStore, client: "S3Client") -> None:
    failing(client, "PutObject")
    with pytest.raises(MediaUploadError):
        store.put_thumbnail("thumbnails/t/j.jpg", b"jpeg")


def test_deleting_accepts_any_number_of_keys_and_ignores_missing_ones(store: MediaStore, client: "S3Client") -> None:
    stay = "videos/other/stay.mp4"
    for key in (stay, KEY):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    store.delete_media([KEY, *(f"thumbnails/none/{index}.jpg" for index in range(1500))])
    assert keys(client) == [stay]
    store.delete_media([])
    store.delete_media([KEY])


def test_a_rejected_or_incomplete_deletion_is_an_error(store: MediaStore, client: "S3Client") -> None:
    client.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")
    failing(client, "DeleteObjects")
    with pytest.raises(MediaDeletionError):
        store.delete_media([KEY])
    # GIVEN a 200 response with a key that was not deleted
    refused: Any = type("Ok", (), {"status_code": 200})(), {"Errors": [{"Key": KEY, "Code": "AccessDenied"}]}
    client.meta.events.register_first("before-call.s3.DeleteObjects", lambda **_: refused)
    with pytest.raises(MediaDeletionError):
        store.delete_media([KEY])


# --- forms


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_a_form_is_posted_to_the_bucket_in_its_region(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    # GIVEN credentials (through the fixture)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    form = MediaStore(BUCKET, s3_client()).presign_upload("uploads/u/d/i/t.png", "image/png")
    assert form.url.rstrip("/") == f"https://{BUCKET}.s3.{region}.amazonaws.com"
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert f"/{region}/s3/" in form.fields["x-amz-credential"]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_emulator_has_the_bucket_in_the_path(
    client: "S3Client", monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    # GIVEN an endpoint in the environment (and, through the fixture, credentials)
    monkeypatch.setenv(variable, "http://127.0.0.1:4566")
    form = MediaStore(BUCKET, s3_client()).presign_upload("uploads/u/d/i/t.png", "image/png")
    assert form.url == f"http://127.0.0.1:4566/{BUCKET}"
