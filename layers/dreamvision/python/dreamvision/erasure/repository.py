"""Tombstones of soft-deleted dreams and videos, kept until everything else of them is deleted.

A soft-deleted row leaves its user's partition at once, so no list or id finds it and no task can change it. A tombstone
under the key ``erasing#<user_id>`` replaces it. It contains no text: only what is needed to cancel a render and to find
the media.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from dreamvision.core.clock import to_text
from dreamvision.database.client import TOMBSTONE_PREFIX, Database, Item
from dreamvision.database.pagination import read_all
from dreamvision.database.transactions import Transaction, TransactionRefusedError, Write
from dreamvision.dreams.models import IMAGE_KEY, DreamRecord
from dreamvision.dreams.repository import text_key, texts_of
from dreamvision.media.keys import UPLOAD_SUFFIXES, image_key, preview_key, thumbnail_key, upload_key, video_key
from dreamvision.rendering.renderer import RENDER_LIFETIME
from dreamvision.schemas.categories import Category
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.models import VideoRecord

# TimeoutSeconds of an execution (dream_to_video.asl.yaml).
_EXECUTION_LIFETIME = timedelta(seconds=5400)
_RECONCILIATION_KEY = {"guard": "cursor#reconcile-users"}


class VideoTombstone(BaseModel):
    """The tombstone of a video."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    dream_id: str
    status: VideoStatus
    created_at: datetime
    media_token: str
    provider_task_id: str | None = None
    video_key: str | None = None
    thumbnail_key: str | None = None
    preview_key: str | None = None

    def may_run(self, now: datetime) -> bool:
        """Return whether a task that started before the deletion may still be running."""
        return self.status is VideoStatus.CANCELLED and now - self.created_at < _EXECUTION_LIFETIME

    def may_be_at_provider(self, now: datetime) -> bool:
        """Return whether the provider may still have the render."""
        return now - self.created_at < RENDER_LIFETIME

    def media_keys(self, user_id: str) -> set[str]:
        """Return the keys of its media, including those that an interrupted task may have written."""
        stored = {self.video_key, self.thumbnail_key, self.preview_key} - {None}
        token, job_id = self.media_token, self.job_id
        return {str(key) for key in stored} | {
            video_key(user_id, job_id),
            thumbnail_key(token, job_id),
            preview_key(token, job_id),
        }


class TombstonePage(NamedTuple):
    """Tombstones, and the id after which the next page starts (``None`` on the last page)."""

    videos: list[VideoTombstone]
    last_id: str | None


class TombstoneRepository:
    """The tombstones of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dreams = database.names.dreams_table
        self._videos = database.names.videos_table
        self._profiles = ProfileRepository(database)

    def move_dream_to_tombstone(self, dream: DreamRecord, now: datetime) -> bool:
        """Soft-delete the dream and uncount it. Returns ``False`` if it changed meanwhile: read it again."""
        tombstone: Item = {**_dream_key(dream.user_id, dream.dream_id), "discarded_at": to_text(now)}
        keys = _media_keys(dream)
        tombstone |= {"media_keys": keys} if keys else {}
        categories = {Category(dream.category): 1} if dream.category else None
        return self._replace_with_tombstone(
            self._dreams,
            {"user_id": dream.user_id, "dream_id": dream.dream_id},
            {
                "analysis_status": dream.analysis_status,
                "thumbnail_key": dream.thumbnail_key,
                "upload_id": dream.upload_id,
                IMAGE_KEY: dream.image_key,
            },
            tombstone,
            {
                "profile": self._profiles.uncount_write(
                    dream.user_id, now, dream.created_at, dreams=1, categories=categories
                ),
                **({"text": self._delete_text_write(dream)} if dream.text_apart else {}),
            },
        )

    def _delete_text_write(self, dream: DreamRecord) -> Write:
        return {"Delete": {"TableName": self._dreams, "Key": text_key(dream.user_id, dream.dream_id)}}

    def move_video_to_tombstone(self, video: VideoRecord, now: datetime) -> bool:
        """Soft-delete the video and uncount it. Returns ``False`` if it changed meanwhile: read it again."""
        fields = video.model_dump(include=set(VideoTombstone.model_fields), exclude_none=True)
        tombstone = fields | _video_key(video.user_id, video.job_id) | {"created_at": to_text(video.created_at)}
        counts: dict[str, Write] = {}
        if video.status is VideoStatus.COMPLETED:
            moment = video.completed_at or now
            counts["profile"] = self._profiles.uncount_write(video.user_id, now, moment, videos=1)
        return self._replace_with_tombstone(
            self._videos,
            {"user_id": video.user_id, "job_id": video.job_id},
            {"status": video.status, "provider_task_id": video.provider_task_id, "thumbnail_key": video.thumbnail_key},
            tombstone,
            counts,
        )

    def _replace_with_tombstone(
        self, table: str, key: Item, expected: Item, tombstone: Item, others: Mapping[str, Write]
    ) -> bool:
        """Replace a row in one transaction; ``False`` if its attributes differ from ``expected`` (``None``: absent).

        At least one is expected to be present, so a row that is gone differs too.
        """
        present = {name: value for name, value in expected.items() if value is not None}
        conditions = [
            f"#{name} = :{name}" if name in present else f"attribute_not_exists(#{name})" for name in expected
        ]
        delete: Item = {
            "TableName": table,
            "Key": key,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{name}": name for name in expected},
            "ExpressionAttributeValues": {f":{name}": value for name, value in present.items()},
        }
        transaction = Transaction().add("row", {"Delete": delete})
        transaction.add("tombstone", {"Put": {"TableName": table, "Item": tombstone}}).add_all(others)
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError:
            return False
        return True

    def has_dream(self, user_id: str, dream_id: str) -> bool:
        """Return whether the dream has a tombstone, so that something of it may remain."""
        response = self._database.client.get_item(
            TableName=self._dreams, Key=_dream_key(user_id, dream_id), ConsistentRead=True
        )
        return "Item" in response

    def dream_media(self, user_id: str, dream_id: str | None) -> Iterator[str]:
        """Yield the media keys in the tombstones of one dream, or of all (``None``)."""
        for item in read_all(self._database.client, self._partition(self._dreams, TOMBSTONE_PREFIX + user_id)):
            if dream_id in (None, item["dream_id"]):
                yield from item.get("media_keys", ())

    def videos(self, user_id: str, dream_id: str | None, *, limit: int, after_id: str = "") -> TombstonePage:
        """Return a page of video tombstones, of one dream or of all (``None``)."""
        request = self._partition(self._videos, TOMBSTONE_PREFIX + user_id) | {"Limit": limit}
        if after_id:
            request["ExclusiveStartKey"] = _video_key(user_id, after_id)
        response = self._database.client.query(**request)
        last_key = response.get("LastEvaluatedKey")
        tombstones = [VideoTombstone.model_validate(item) for item in response["Items"]]
        return TombstonePage(
            [tombstone for tombstone in tombstones if dream_id in (None, tombstone.dream_id)],
            str(last_key["job_id"]) if last_key else None,
        )

    def _partition(self, table: str, key: str) -> dict[str, Any]:
        return {
            "TableName": table,
            "KeyConditionExpression": "user_id = :user",
            "ExpressionAttributeValues": {":user": key},
            "ConsistentRead": True,
        }

    def purge_videos(self, user_id: str, job_ids: Sequence[str]) -> None:
        """Delete the tombstones of videos. Idempotent."""
        for job_id in job_ids:
            self._database.client.delete_item(TableName=self._videos, Key=_video_key(user_id, job_id))

    def purge_dreams(self, user_id: str, dream_id: str | None) -> None:
        """Delete the tombstone of one dream; for all (``None``), their tombstones and orphaned texts. Idempotent."""
        tombstones = read_all(self._database.client, self._partition(self._dreams, TOMBSTONE_PREFIX + user_id))
        # A dream's text is deleted with it; these are orphans of calls interrupted before they wrote the dream.
        texts = read_all(self._database.client, self._partition(self._dreams, texts_of(user_id)))
        for item in chain(tombstones, texts if dream_id is None else ()):
            if dream_id in (None, item["dream_id"]):
                self._database.client.delete_item(
                    TableName=self._dreams, Key={"user_id": item["user_id"], "dream_id": item["dream_id"]}
                )


class ReconciliationPosition(NamedTuple):
    """The pool in which users were looked up, and the id to continue after (``None``: from the start)."""

    pool_id: str
    after_id: str | None


class ReconciliationCursor:
    """The position of the reconciliation with the user pool, kept between its runs in the guards table.

    The item does not expire: it is also how a run notices that the pool was replaced.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> ReconciliationPosition | None:
        """Return the position, or ``None`` before the first run."""
        response = self._database.client.get_item(
            TableName=self._database.names.guards_table, Key=_RECONCILIATION_KEY, ConsistentRead=True
        )
        if "Item" not in response:
            return None
        item = response["Item"]
        return ReconciliationPosition(str(item["pool_id"]), str(item["after_id"]) if "after_id" in item else None)

    def store(self, pool_id: str, after_id: str | None) -> None:
        """Store the position."""
        item: Item = {**_RECONCILIATION_KEY, "pool_id": pool_id}
        if after_id is not None:
            item["after_id"] = after_id
        self._database.client.put_item(TableName=self._database.names.guards_table, Item=item)


def _media_keys(dream: DreamRecord) -> set[str]:
    """Return the copied keys of its video, and the keys of its images, including an upload being processed."""
    stored = (dream.video_key, dream.thumbnail_key, dream.preview_key, dream.image_key, dream.replaced_key)
    keys = {key for key in stored if key}
    if dream.upload_id and dream.upload_token:
        for content_type in UPLOAD_SUFFIXES:
            keys.add(image_key(dream.upload_token, dream.upload_id, content_type))
            keys.add(upload_key(dream.user_id, dream.dream_id, dream.upload_id, dream.upload_token, content_type))
    return keys


def _dream_key(user_id: str, dream_id: str) -> dict[str, str]:
    return {"user_id": TOMBSTONE_PREFIX + user_id, "dream_id": dream_id}


def _video_key(user_id: str, job_id: str) -> dict[str, str]:
    return {"user_id": TOMBSTONE_PREFIX + user_id, "job_id": job_id}
