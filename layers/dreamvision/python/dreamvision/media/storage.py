"""The media bucket: storing, reading and deleting media, and forms for uploads.

- `videos/{user_id}/{job_id}.mp4`: through the CDN, with a signed URL
- `thumbnails/{token}/{id}.jpg`, `.png` and `.webp`: public through the CDN, so the key has to be unguessable
- `uploads/{user_id}/{dream_id}/{upload_id}/{token}.jpg` or `.png`: a client's upload until it is processed
"""

import os
from collections.abc import Iterable, Sequence
from itertools import batched
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dreamvision.media.errors import MediaDeletionError, MediaReadError, MediaUploadError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

VIDEO_TYPE = "video/mp4"
THUMBNAIL_TYPE = "image/jpeg"
PREVIEW_TYPE = "image/webp"
UPLOAD_SECONDS = 600
MAX_UPLOAD_BYTES = 5 * 1024 * 1024  # the product's limit of 5 MB, in binary megabytes

_PART_BYTES = 8 * 1024 * 1024  # S3 requires at least 5 MB per part; one part at a time is held in memory
_KEYS_PER_DELETE = 1000  # limit of DeleteObjects
_CACHE_FOREVER = "public, max-age=31536000, immutable"  # the content of a key never changes


def s3_client() -> "S3Client":
    """Return an S3 client with signature version 4 and the regional host name, both required for presigned forms.

    An emulator (an endpoint in the environment) has no wildcard DNS name, so there the bucket is part of the path.
    """
    emulated = "AWS_ENDPOINT_URL_S3" in os.environ or "AWS_ENDPOINT_URL" in os.environ
    config = Config(
        signature_version="s3v4",
        # us-east-1 too: its legacy global name redirects for buckets of other regions, which a form does not follow.
        s3={"addressing_style": "path" if emulated else "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    return boto3.client("s3", config=config)


class UploadForm(NamedTuple):
    """A form that a client posts to S3: the URL, and the fields that precede the file."""

    url: str
    fields: dict[str, str]


class MediaStore:
    """Stores media in one bucket and creates forms for uploads."""

    def __init__(self, bucket: str, client: "S3Client | None" = None) -> None:
        self._bucket = bucket
        self._client = client or s3_client()

    def put_video(self, key: str, file: Path) -> None:
        """Upload a file in parts of 8 MB, one at a time. The key exists only after the whole file has arrived.

        Raises:
            MediaUploadError: a part failed; the multipart upload was aborted.
        """
        # Imported here, because only ArchiveVideo uploads files.
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        transfer = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)
        arguments = {"ContentType": VIDEO_TYPE, "CacheControl": "private, max-age=3600"}
        try:
            self._client.upload_file(str(file), self._bucket, key, ExtraArgs=arguments, Config=transfer)
        except (S3UploadFailedError, BotoCoreError, ClientError):
            raise MediaUploadError from None

    def put_thumbnail(self, key: str, data: bytes) -> None:
        """Store a JPEG, cacheable for ever.

        Raises:
            MediaUploadError: S3 did not store the object.
        """
        self.put_image(key, data, THUMBNAIL_TYPE)

    def put_preview(self, key: str, data: bytes) -> None:
        """Store an animated WebP, cacheable for ever.

        Raises:
            MediaUploadError: S3 did not store the object.
        """
        self.put_image(key, data, PREVIEW_TYPE)

    def put_image(self, key: str, data: bytes, content_type: str) -> None:
        """Store an image, cacheable for ever.

        Raises:
            MediaUploadError: S3 did not store the object.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType=content_type, CacheControl=_CACHE_FOREVER
            )
        except (BotoCoreError, ClientError):
            raise MediaUploadError from None

    def read(self, key: str, max_bytes: int) -> bytes:
        """Return an object's bytes, truncated to one byte more than `max_bytes`.

        Raises:
            MediaReadError: S3 did not return the object.
        """
        try:
            # A partial read of the stream instead of a Range header, which fails for an empty object.
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read(max_bytes + 1)
        except (BotoCoreError, ClientError):
            raise MediaReadError from None

    def presign_upload(self, key: str, content_type: str) -> UploadForm:
        """Return a form to upload one object of this type and 1 byte to 5 MiB to this key; valid for ten minutes.

        S3 itself rejects any other key, type or size. Does not call S3.
        """
        fixed = {"Content-Type": content_type, "success_action_status": "204"}
        conditions: list[dict[str, str] | list[str | int]] = [{name: value} for name, value in fixed.items()]
        form = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields=dict(fixed),
            Conditions=[*conditions, ["content-length-range", 1, MAX_UPLOAD_BYTES]],
            ExpiresIn=UPLOAD_SECONDS,
        )
        return UploadForm(form["url"], {name: str(value) for name, value in form["fields"].items()})

    def delete_media(self, keys: Iterable[str]) -> None:
        """Delete objects. Idempotent: missing objects are ignored.

        Raises:
            MediaDeletionError: at least one object was not deleted.
        """
        for batch in batched(keys, _KEYS_PER_DELETE, strict=False):
            self._delete(batch)

    def delete_folder(self, folder: str) -> None:
        """Delete all objects under a prefix. Idempotent.

        Raises:
            MediaDeletionError: at least one object was not deleted.
        """
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder):
                self.delete_media(item["Key"] for item in page.get("Contents", []))
        except (BotoCoreError, ClientError):
            raise MediaDeletionError from None

    def _delete(self, keys: Sequence[str]) -> None:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        try:
            response = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        except (BotoCoreError, ClientError):
            raise MediaDeletionError from None
        if response.get("Errors"):
            raise MediaDeletionError
