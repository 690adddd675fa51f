"""Images that users upload for their dreams: announced, sent directly to S3, checked, then attached or rejected.

A dream has at most one pending upload, the one announced last. S3's notifications are only hints: they may arrive
twice, late or out of order, and the dream's row alone decides whether an upload is still pending.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import NamedTuple, Self

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.dreams.repository import DreamNotFoundError, DreamRepository
from dreamvision.media.errors import ImageRejectedError, ImageTooLargeError
from dreamvision.media.keys import UPLOAD_SUFFIXES, image_key, new_media_token, upload_key
from dreamvision.media.models import ReencodedImage
from dreamvision.media.storage import MAX_UPLOAD_BYTES, UPLOAD_SECONDS, MediaStore
from dreamvision.schemas.uploads import ImageType, ThumbnailUploadResponse, UploadStatus

_TYPES_BY_SUFFIX = {suffix: ImageType(content_type) for content_type, suffix in UPLOAD_SUFFIXES.items()}
_UPLOAD_KEY = re.compile(r"uploads/([0-9a-f-]{36})/([0-9a-f-]{36})/([0-9a-f-]{36})/([\w-]{1,128})(\.\w+)", re.ASCII)

type Reencoder = Callable[[bytes, ImageType], ReencodedImage]
"""Checks an image and reencodes it. Raises ImageRejectedError."""


class _Upload(NamedTuple):
    """The parts of an upload's key."""

    user_id: str
    dream_id: str
    upload_id: str
    token: str
    content_type: ImageType

    @property
    def image_key(self) -> str:
        return image_key(self.token, self.upload_id, self.content_type)


class UploadSettings(Config):
    """The bucket that receives the uploads."""

    media_bucket: str


class Uploads:
    """Creates upload forms for clients and processes the uploaded images."""

    def __init__(self, database: Database, store: MediaStore) -> None:
        self._dreams = DreamRepository(database)
        self._store = store

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(Database.shared(), MediaStore(UploadSettings.from_environment().media_bucket))

    def announce(self, user_id: str, dream_id: str, content_type: ImageType) -> ThumbnailUploadResponse:
        """Return a form to upload one image for the dream, valid for ten minutes.

        Raises:
            DreamNotFoundError: the user has no such dream.
        """
        upload_id, token, now = new_id(), new_media_token(), utc_now()
        self._dreams.announce_upload(user_id, dream_id, upload_id, token)
        form = self._store.presign_upload(upload_key(user_id, dream_id, upload_id, token, content_type), content_type)
        return ThumbnailUploadResponse(
            upload_id=upload_id,
            dream_id=dream_id,
            url=form.url,
            fields=form.fields,
            max_bytes=MAX_UPLOAD_BYTES,
            expires_at=now + timedelta(seconds=UPLOAD_SECONDS),
        )

    def receive(self, key: str, reencode: Reencoder, sequencer: str) -> UploadStatus | None:
        """Process the upload stored under ``key``: attach the image to its dream or reject it, then delete the upload.

        A form can be posted until it expires. Only the first object is read: ``sequencer``, with which S3 tells the
        objects of a key apart, is stored with the upload. Return ``None`` if the upload is not, or no longer, pending,
        or another object was accepted. Idempotent: may be retried after any error.

        Raises:
            MediaReadError: S3 did not return the upload.
            MediaUploadError: S3 did not store the image.
            MediaDeletionError: S3 did not delete an object.
        """
        upload = _parse_key(key)
        dream = self._accept(upload, sequencer) if upload is not None else None
        if upload is None or dream is None or not _is_pending(dream, upload):
            status = None
            if upload is not None:
                self._delete_leftovers(upload, dream)
        elif dream.upload_object != sequencer:
            # The key is in use: whoever processes the accepted object deletes it.
            return None
        else:
            status = self._process(dream, upload, key, reencode)
        self._store.delete_media([key])
        return status

    def _accept(self, upload: _Upload, sequencer: str) -> DreamRecord | None:
        """Return the dream, with ``upload_object`` set if the upload is pending."""
        dream = self._dream_of(upload)
        if dream is None or not _is_pending(dream, upload) or dream.upload_object is not None:
            return dream
        if self._dreams.accept_upload(dream, sequencer):
            return dream.model_copy(update={"upload_object": sequencer})
        return self._dream_of(upload)

    def _process(self, dream: DreamRecord, upload: _Upload, key: str, reencode: Reencoder) -> UploadStatus | None:
        try:
            return self._attach(dream, upload, reencode(self._read(key), upload.content_type))
        except ImageRejectedError as error:
            return UploadStatus.REJECTED if self._dreams.reject_upload(dream, type(error).__name__) else None

    def _dream_of(self, upload: _Upload) -> DreamRecord | None:
        try:
            return self._dreams.get(upload.user_id, upload.dream_id, consistent=True)
        except DreamNotFoundError:
            return None

    def _read(self, key: str) -> bytes:
        data = self._store.read(key, MAX_UPLOAD_BYTES)
        if len(data) > MAX_UPLOAD_BYTES:
            raise ImageTooLargeError
        return data

    def _attach(self, dream: DreamRecord, upload: _Upload, image: ReencodedImage) -> UploadStatus | None:
        self._store.put_image(upload.image_key, image.data, upload.content_type)
        if not self._dreams.attach_image(dream, upload.image_key):
            # A newer upload was announced, the dream was deleted, or a duplicate notification was processed first.
            self._delete_leftovers(upload, self._dream_of(upload))
            return None
        if dream.image_key is not None:
            self._store.delete_media([dream.image_key])
        return UploadStatus.ATTACHED

    def _delete_leftovers(self, upload: _Upload, dream: DreamRecord | None) -> None:
        """Delete what an interrupted attempt may have stored for an upload that is no longer pending."""
        leftovers = {upload.image_key, dream.replaced_key if dream else None}
        self._store.delete_media(key for key in leftovers if key and (dream is None or key != dream.image_key))


def _is_pending(dream: DreamRecord, upload: _Upload) -> bool:
    return dream.upload_id == upload.upload_id and dream.upload_status is UploadStatus.PENDING


def _parse_key(key: str) -> _Upload | None:
    match = _UPLOAD_KEY.fullmatch(key)
    if match is None or match[5] not in _TYPES_BY_SUFFIX:
        return None
    return _Upload(match[1], match[2], match[3], match[4], _TYPES_BY_SUFFIX[match[5]])
