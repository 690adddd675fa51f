"""Pictures that users upload for their dreams: announced, sent straight to S3, looked at, shown or thrown away.

A dream waits for one upload at a time, the one announced last. What S3 reports is taken for nothing more than a hint:
it may come twice, late or in another order, and the dream's row alone says whether the upload is still awaited.
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
from dreamvision.dreams.repository import DreamNotFoundError, DreamRecord, DreamRepository
from dreamvision.media.errors import ImageRejectedError, ImageTooLargeError
from dreamvision.media.keys import UPLOAD_SUFFIXES, image_key, new_media_token, upload_key
from dreamvision.media.models import ReencodedImage
from dreamvision.media.storage import MAX_UPLOAD_BYTES, UPLOAD_SECONDS, MediaStore
from dreamvision.schemas.uploads import ImageType, ThumbnailUploadResponse, UploadStatus

_TYPES = {suffix: ImageType(content_type) for content_type, suffix in UPLOAD_SUFFIXES.items()}
_UPLOAD_KEY = re.compile(r"uploads/([0-9a-f-]{36})/([0-9a-f-]{36})/([0-9a-f-]{36})/([\w-]{1,128})(\.\w+)", re.ASCII)


type Reencoder = Callable[[bytes, ImageType], ReencodedImage]
"""Checks a picture and makes it anew. Raises ImageRejectedError."""


class _Upload(NamedTuple):
    """What the key of an upload says."""

    user_id: str
    dream_id: str
    upload_id: str
    token: str
    content_type: ImageType

    @property
    def image_key(self) -> str:
        return image_key(self.token, self.upload_id, self.content_type)


class UploadSettings(Config):
    """The bucket that pictures are sent to."""

    media_bucket: str


class Uploads:
    """Both ends of an upload: the form for the client, and what is done with the bytes."""

    def __init__(self, database: Database, store: MediaStore) -> None:
        self._dreams = DreamRepository(database)
        self._store = store

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(Database.shared(), MediaStore(UploadSettings.from_environment().media_bucket))

    def announce(self, user_id: str, dream_id: str, content_type: ImageType) -> ThumbnailUploadResponse:
        """A form for one picture of the dream, good for ten minutes.

        Raises:
            DreamNotFoundError: no such dream.
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

    def receive(self, key: str, clean: Reencoder) -> UploadStatus | None:
        """Take in what has arrived under ``key``: show it with its dream or reject it; the upload itself is deleted.

        ``None`` when nobody waits for it (any more). Harmless when it is called again.

        Raises:
            MediaReadError, MediaUploadError, MediaDeletionError: S3 failed; this may be tried again.
        """
        upload = _upload_of(key)
        status = self._take_in(upload, key, clean) if upload is not None else None
        self._store.delete_media([key])
        return status

    def _take_in(self, upload: _Upload, key: str, clean: Reencoder) -> UploadStatus | None:
        dream = self._dream_of(upload)
        if dream is None or dream.upload_id != upload.upload_id or dream.upload_status is not UploadStatus.PENDING:
            self._tidy_up(upload, dream)
            return None
        try:
            return self._attach(dream, upload, clean(self._read(key), upload.content_type))
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

    def _attach(self, dream: DreamRecord, upload: _Upload, picture: ReencodedImage) -> UploadStatus | None:
        self._store.put_image(upload.image_key, picture.data, upload.content_type)
        if not self._dreams.attach_image(dream, upload.image_key):
            # Overtaken by a newer one, or the dream was deleted; or a second delivery was quicker.
            self._tidy_up(upload, self._dream_of(upload))
            return None
        if dream.image_key is not None:
            self._store.delete_media([dream.image_key])
        return UploadStatus.ATTACHED

    def _tidy_up(self, upload: _Upload, dream: DreamRecord | None) -> None:
        """Nobody waits for the upload any more: delete what an attempt that broke off may have left."""
        left = {upload.image_key, dream.replaced_key if dream else None}
        self._store.delete_media(key for key in left if key and (dream is None or key != dream.image_key))


def _upload_of(key: str) -> _Upload | None:
    found = _UPLOAD_KEY.fullmatch(key)
    if found is None or found[5] not in _TYPES:
        return None
    return _Upload(found[1], found[2], found[3], found[4], _TYPES[found[5]])
