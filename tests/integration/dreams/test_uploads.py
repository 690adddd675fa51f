"""Image uploads for dreams, from the form to the displayed image, on moto's tables and bucket."""

import base64
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from PIL import Image

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.database.transactions import Transaction
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.dreams.uploads import Uploads
from dreamvision.erasure.repository import TombstoneRepository
from dreamvision.media.errors import ImageTooLargeError, MediaReadError
from dreamvision.media.images import reencode_image
from dreamvision.media.links import MediaLinks
from dreamvision.media.models import ReencodedImage
from dreamvision.media.storage import MAX_UPLOAD_BYTES, MediaStore
from dreamvision.queries.presenters import Presenter
from dreamvision.schemas.uploads import ImageType, ThumbnailUploadResponse, UploadStatus
from tests.fakes import images
from tests.fakes.aws import MEDIA_BUCKET
from tests.fakes.video_key import MEDIA_URL, signing_key
from tests.permissions.running import running_as, running_outside

USER, OTHER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f", "11111111-2222-4333-8444-555555555555"
JPEG, PNG = ImageType.JPEG, ImageType.PNG


class UploadBackend:
    """One dream, the upload service, and the bucket."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.dreams = DreamRepository(database)
        self.s3: Any = boto3.client("s3")
        self.store = MediaStore(MEDIA_BUCKET)
        self.uploads = Uploads(database, self.store)
        self.dream_id = new_id()
        row = self.dreams.row(USER, self.dream_id, "a dream of flying", utc_now())
        row["thumbnail_key"] = "thumbnails/video/j.jpg"
        database.transact_write(Transaction().add("dream", self.dreams.put_write(row)))

    def announce(self, kind: ImageType = JPEG) -> ThumbnailUploadResponse:
        return self.uploads.announce(USER, self.dream_id, kind)

    def send(self, form: ThumbnailUploadResponse, data: bytes) -> str:
        """Store the object as S3 does for a form whose conditions are met. Return the key."""
        key = form.fields["key"]
        self.s3.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=data, ContentType=form.fields["Content-Type"])
        return key

    def receive(
        self, key: str, clean: Callable[[bytes, ImageType], ReencodedImage] = reencode_image, sequencer: str = "01"
    ) -> Any:
        def clean_outside(data: bytes, kind: ImageType) -> ReencodedImage:
            # Some tests let others change the dream meanwhile.
            with running_outside():
                return clean(data, kind)

        with running_as("ImageUploaded"):
            return self.uploads.receive(key, clean_outside, sequencer)

    def media_keys(self) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=MEDIA_BUCKET).get("Contents", [])]

    @property
    def dream(self) -> DreamRecord:
        return self.dreams.get(USER, self.dream_id, consistent=True)

    def shown(self) -> Any:
        return Presenter(MediaLinks(MEDIA_URL, signing_key)).dream_summary(self.dream)


@pytest.fixture
def backend(database: Database) -> UploadBackend:
    return UploadBackend(database)


# --- forms


@pytest.mark.parametrize(("kind", "suffix"), [(JPEG, ".jpg"), (PNG, ".png")])
def test_a_form_allows_one_image_in_the_callers_folder(backend: UploadBackend, kind: ImageType, suffix: str) -> None:
    # WHEN an image is announced
    form = backend.announce(kind)
    # THEN key and type are fixed, the size is bounded, and the form expires after ten minutes
    key = f"uploads/{USER}/{backend.dream_id}/{form.upload_id}/{backend.dream.upload_token}{suffix}"
    assert form.fields["key"] == key
    assert form.fields["Content-Type"] == kind
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert {"key": key} in policy["conditions"]
    assert {"Content-Type": str(kind)} in policy["conditions"]
    assert {"bucket": MEDIA_BUCKET} in policy["conditions"]
    assert ["content-length-range", 1, 5 * 1024 * 1024] in policy["conditions"]
    assert not [each for each in policy["conditions"] if isinstance(each, list) and each[0] == "starts-with"]
    assert policy["expiration"][:16] == form.expires_at.strftime("%Y-%m-%dT%H:%M")
    assert form.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"
    assert form.max_bytes == MAX_UPLOAD_BYTES
    # AND the dream's upload is pending
    upload = backend.shown().thumbnail_upload
    assert (upload.upload_id, upload.status, upload.error_message) == (form.upload_id, UploadStatus.PENDING, None)


def test_no_form_is_issued_for_another_users_dream(backend: UploadBackend) -> None:
    for user, dream in ((OTHER, backend.dream_id), (USER, new_id())):
        with pytest.raises(DreamNotFoundError):
            backend.uploads.announce(user, dream, JPEG)
        with pytest.raises(DreamNotFoundError):
            backend.dreams.get(user, dream)
    assert backend.dream.upload_id is None


# --- uploads


@pytest.mark.parametrize(("kind", "make"), [(JPEG, images.jpeg), (PNG, images.png)], ids=["jpeg", "png"])
def test_a_valid_image_is_shown_with_its_dream(
    backend: UploadBackend, kind: ImageType, make: Callable[[], bytes]
) -> None:
    form = backend.announce(kind)
    # WHEN it arrives
    assert backend.receive(backend.send(form, make())) is UploadStatus.ATTACHED
    # THEN the dream shows it instead of the video's thumbnail, and the upload is deleted
    (key,) = backend.media_keys()
    assert key == backend.dream.image_key
    assert key.startswith("thumbnails/")
    shown = backend.shown()
    assert shown.thumbnail_url == f"https://media.example.com/{key.removeprefix('thumbnails/')}"
    assert shown.thumbnail_upload.status is UploadStatus.ATTACHED
    # AND the stored object is the re-encoded image, with an immutable cache header
    stored = backend.s3.get_object(Bucket=MEDIA_BUCKET, Key=key)
    assert stored["ContentType"] == kind
    assert stored["CacheControl"] == "public, max-age=31536000, immutable"
    assert images.CAMERA.encode() not in stored["Body"].read()


@pytest.mark.parametrize(
    ("data", "kind", "error"),
    [
        (b"<html>not an image</html>", JPEG, "ImageMalformedError"),
        (images.png(), JPEG, "ImageMalformedError"),
        (images.jpeg() + b"PK\x05\x06" + bytes(18), JPEG, "PolyglotImageError"),
        (images.png_of_size(9000, 9000), PNG, "ImageDimensionsError"),
        (b"", JPEG, "ImageMalformedError"),
        (bytes(MAX_UPLOAD_BYTES + 1), JPEG, "ImageTooLargeError"),
    ],
    ids=["web page", "wrong type", "polyglot", "bomb", "empty", "too large"],
)
def test_an_invalid_upload_is_deleted_and_reported(
    backend: UploadBackend, data: bytes, kind: ImageType, error: str
) -> None:
    form = backend.announce(kind)
    assert backend.receive(backend.send(form, data)) is UploadStatus.REJECTED
    assert backend.media_keys() == []
    assert backend.dream.upload_error == error
    shown = backend.shown()
    assert shown.thumbnail_upload.status is UploadStatus.REJECTED
    assert "image" in shown.thumbnail_upload.error_message
    assert shown.thumbnail_url == "https://media.example.com/video/j.jpg"


def test_an_upload_above_the_limit_is_not_read(backend: UploadBackend) -> None:
    key = backend.send(backend.announce(), bytes(MAX_UPLOAD_BYTES + 1_000_000))
    assert len(backend.store.read(key, MAX_UPLOAD_BYTES)) == MAX_UPLOAD_BYTES + 1
    seen: list[int] = []

    def note(data: bytes, kind: ImageType) -> ReencodedImage:
        seen.append(len(data))
        raise ImageTooLargeError

    backend.receive(key, note)
    assert seen == []


# --- repeated, late and reordered events


def test_a_repeated_event_changes_nothing(backend: UploadBackend) -> None:
    key = backend.send(backend.announce(), images.jpeg())
    backend.receive(key)
    before = backend.dream
    assert backend.receive(key) is None
    assert backend.dream == before
    assert len(backend.media_keys()) == 1


def test_reusing_a_form_does_not_change_the_image(backend: UploadBackend) -> None:
    form = backend.announce()
    backend.receive(backend.send(form, images.jpeg()))
    before, stored = (
        backend.dream,
        backend.s3.get_object(Bucket=MEDIA_BUCKET, Key=backend.dream.image_key)["Body"].read(),
    )
    assert backend.receive(backend.send(form, images.jpeg(images.halves((500, 500))))) is None
    assert backend.dream == before
    assert backend.media_keys() == [before.image_key]
    assert backend.s3.get_object(Bucket=MEDIA_BUCKET, Key=before.image_key)["Body"].read() == stored


def test_a_newer_image_replaces_the_older_one(backend: UploadBackend) -> None:
    backend.receive(backend.send(backend.announce(), images.jpeg()))
    first = backend.dream.image_key
    backend.receive(backend.send(backend.announce(PNG), images.png()))
    assert backend.dream.image_key != first
    assert backend.media_keys() == [backend.dream.image_key]


def test_a_late_older_upload_does_not_replace_a_newer_one(backend: UploadBackend) -> None:
    # GIVEN two forms, and the image of the second has arrived
    first, second = backend.announce(), backend.announce()
    backend.receive(backend.send(second, images.jpeg()))
    shown = backend.dream.image_key
    # WHEN the image of the first arrives, THEN it is deleted
    assert backend.receive(backend.send(first, images.jpeg())) is None
    assert backend.dream.image_key == shown
    assert backend.media_keys() == [shown]


def test_an_upload_overtaken_during_processing_leaves_nothing(backend: UploadBackend) -> None:
    form = backend.announce()

    def overtaken(data: bytes, kind: ImageType) -> ReencodedImage:
        backend.announce()
        return reencode_image(data, kind)

    assert backend.receive(backend.send(form, images.jpeg()), overtaken) is None
    assert backend.media_keys() == []
    assert backend.dream.upload_status is UploadStatus.PENDING


def test_concurrent_events_keep_the_image(backend: UploadBackend) -> None:
    key = backend.send(backend.announce(), images.jpeg())

    def other_delivery_is_quicker(data: bytes, kind: ImageType) -> ReencodedImage:
        assert backend.receive(key) is UploadStatus.ATTACHED
        return reencode_image(data, kind)

    assert backend.receive(key, other_delivery_is_quicker) is None
    assert backend.media_keys() == [backend.dream.image_key]


def test_an_upload_whose_dream_is_deleted_meanwhile_leaves_nothing(backend: UploadBackend) -> None:
    def deleted(data: bytes, kind: ImageType) -> ReencodedImage:
        table = backend.database.names.dreams_table
        backend.database.client.delete_item(TableName=table, Key={"user_id": USER, "dream_id": backend.dream_id})
        return reencode_image(data, kind)

    assert backend.receive(backend.send(backend.announce(), images.jpeg()), deleted) is None
    assert backend.media_keys() == []
    # AND neither does one that arrives after it
    key = f"uploads/{USER}/{backend.dream_id}/{new_id()}/token.jpg"
    backend.s3.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=images.jpeg())
    assert backend.receive(key) is None
    assert backend.media_keys() == []


def test_a_crashed_attempt_is_resumed(backend: UploadBackend) -> None:
    # GIVEN an attempt that stored the image and crashed before attaching it
    key = backend.send(backend.announce(), images.jpeg())
    dream = backend.dream
    backend.s3.put_object(
        Bucket=MEDIA_BUCKET, Key=f"thumbnails/{dream.upload_token}/{dream.upload_id}.jpg", Body=b"half"
    )
    # WHEN the event is delivered again, THEN the image is stored under the same key
    assert backend.receive(key) is UploadStatus.ATTACHED
    assert backend.media_keys() == [backend.dream.image_key]


def test_a_crashed_attempt_of_a_deleted_dream_leaves_nothing(backend: UploadBackend) -> None:
    # GIVEN an attempt that crashed right after storing the image of a dream that was being deleted
    key = backend.send(backend.announce(), images.jpeg())

    def killed(data: bytes, kind: ImageType) -> ReencodedImage:
        dream = backend.dream
        image = f"thumbnails/{dream.upload_token}/{dream.upload_id}.jpg"
        backend.s3.put_object(Bucket=MEDIA_BUCKET, Key=image, Body=reencode_image(data, kind).data)
        assert TombstoneRepository(backend.database).move_dream_to_tombstone(dream, utc_now())
        raise MediaReadError

    with pytest.raises(MediaReadError):
        backend.receive(key, killed)
    assert len(backend.media_keys()) == 2
    # WHEN the event is delivered again, THEN both objects are deleted, though no row refers to them
    assert backend.receive(key) is None
    assert backend.media_keys() == []


def test_an_unreadable_announced_upload_raises_for_a_retry(backend: UploadBackend) -> None:
    form = backend.announce()
    with pytest.raises(MediaReadError):
        backend.receive(form.fields["key"])
    assert backend.dream.upload_status is UploadStatus.PENDING


@pytest.mark.parametrize(
    "name", ["uploads/x.jpg", "uploads/a/b/c/d.jpg", "uploads/{u}/{d}/{i}/token.gif", "uploads/{u}/{d}/{i}.jpg"]
)
def test_an_unannounced_object_is_deleted(backend: UploadBackend, name: str) -> None:
    form = backend.announce()
    key = name.format(u=USER, d=backend.dream_id, i=form.upload_id)
    backend.s3.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=images.jpeg())
    assert backend.receive(key) is None
    assert backend.media_keys() == []


def test_an_upload_that_never_arrives_expires(backend: UploadBackend) -> None:
    backend.announce()
    later = (utc_now() + timedelta(minutes=20)).timestamp()
    view = Presenter(MediaLinks(MEDIA_URL, signing_key), lambda: later).dream_summary(backend.dream)
    assert view.thumbnail_upload is not None
    assert view.thumbnail_upload.status is UploadStatus.EXPIRED


def test_a_replaced_image_is_deleted_by_the_next_event_if_deleting_failed(backend: UploadBackend) -> None:
    # GIVEN an image, and a second one whose processing crashed right after it was attached
    backend.receive(backend.send(backend.announce(), images.jpeg()))
    old = backend.dream.image_key
    assert old is not None
    key = backend.send(backend.announce(), images.jpeg())
    backend.receive(key)
    backend.s3.put_object(Bucket=MEDIA_BUCKET, Key=old, Body=b"still there")
    backend.s3.put_object(Bucket=MEDIA_BUCKET, Key=key, Body=b"still there")
    # WHEN S3 delivers the event once more
    assert backend.receive(key) is None
    # THEN only the new one is left
    assert backend.media_keys() == [backend.dream.image_key]


def test_erasing_a_dream_finds_its_uploaded_images(backend: UploadBackend) -> None:
    # GIVEN a dream with an image, and another one that is being processed
    backend.receive(backend.send(backend.announce(), images.jpeg()))
    shown = backend.dream.image_key
    backend.announce(PNG)
    dream, trash = backend.dream, TombstoneRepository(backend.database)
    # WHEN it is deleted, in its state after the second announcement
    assert not trash.move_dream_to_tombstone(dream.model_copy(update={"upload_id": "another"}), utc_now())
    assert trash.move_dream_to_tombstone(dream, utc_now())
    # THEN the tombstone covers both
    found = set(trash.dream_media(USER, backend.dream_id))
    folder = f"uploads/{USER}/{backend.dream_id}/{dream.upload_id}"
    expected = {shown, f"thumbnails/{dream.upload_token}/{dream.upload_id}.png", f"{folder}/{dream.upload_token}.png"}
    assert expected <= found


# --- functions


def test_the_trigger_reads_the_key_from_the_event(backend: UploadBackend, function: Any, event: Any) -> None:
    # GIVEN the sample event, for an upload of this dream
    found = event("triggers/image-uploaded")
    found["detail"]["object"]["key"] = backend.send(backend.announce(), images.jpeg())
    app = function("triggers/image_uploaded")
    Uploads.shared.cache_clear()
    # THEN it is attached
    assert app.handler(found, Context()) == {"status": UploadStatus.ATTACHED}
    Uploads.shared.cache_clear()


class Context:
    """The fields of a Lambda context that Powertools reads."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "test"


def test_an_image_is_read_back_unchanged(backend: UploadBackend) -> None:
    backend.receive(backend.send(backend.announce(), images.jpeg(images.halves((640, 480)))))
    body = backend.s3.get_object(Bucket=MEDIA_BUCKET, Key=backend.dream.image_key)["Body"].read()
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == (640, 480)
