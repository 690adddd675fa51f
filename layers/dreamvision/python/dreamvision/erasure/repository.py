"""What is being erased: notes of dreams and videos that are gone, until nothing of them is left elsewhere either.

A discarded row leaves its user's partition at once, so that no list and no id finds it any more and no task can change
it. A note takes its place under the key ``erasing#<user_id>``. It has no text: only what is needed to stop a rendering
and to find the media.
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
from dreamvision.dreams.repository import IMAGE_KEY, DreamRecord, text_key, texts_of
from dreamvision.media.keys import UPLOAD_SUFFIXES, image_key, preview_key, thumbnail_key, upload_key, video_key
from dreamvision.rendering.renderer import RENDER_LIFETIME
from dreamvision.schemas.categories import Category
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.models import VideoRecord

# The longest life of an execution (dream_to_video.asl.yaml).
_EXECUTION_LIFETIME = timedelta(seconds=5400)


class VideoTombstone(BaseModel):
    """What is left of a video."""

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
        """Whether a task may still be at work on it that knows nothing of the end."""
        return self.status is VideoStatus.CANCELLED and now - self.created_at < _EXECUTION_LIFETIME

    def may_be_at_provider(self, now: datetime) -> bool:
        return now - self.created_at < RENDER_LIFETIME

    def media_keys(self, user_id: str) -> set[str]:
        """Where its media lie, or would lie if a task that broke off has left some."""
        kept = {self.video_key, self.thumbnail_key, self.preview_key} - {None}
        token, job_id = self.media_token, self.job_id
        return {str(key) for key in kept} | {
            video_key(user_id, job_id),
            thumbnail_key(token, job_id),
            preview_key(token, job_id),
        }


class TombstonePage(NamedTuple):
    """Some notes, and the id to go on after (``None`` when these were the last)."""

    videos: list[VideoTombstone]
    last_id: str | None


class TombstoneRepository:
    """The discarded dreams and videos of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dreams = database.names.dreams_table
        self._videos = database.names.videos_table
        self._profiles = ProfileRepository(database)

    # ------------------------------------------------------------ in

    def move_dream_to_tombstone(self, dream: DreamRecord, now: datetime) -> bool:
        """The dream is gone, and no longer counted. ``False`` when it changed meanwhile: read it again."""
        note: Item = {**_dream_key(dream.user_id, dream.dream_id), "discarded_at": to_text(now)}
        keys = _media_keys(dream)
        note |= {"media_keys": keys} if keys else {}
        counted = {Category(dream.category): 1} if dream.category else None
        return self._take(
            self._dreams,
            {"user_id": dream.user_id, "dream_id": dream.dream_id},
            {
                "analysis_status": dream.analysis_status,
                "thumbnail_key": dream.thumbnail_key,
                "upload_id": dream.upload_id,
                IMAGE_KEY: dream.image_key,
            },
            note,
            {
                "profile": self._profiles.uncount_write(
                    dream.user_id, now, dream.created_at, dreams=1, categories=counted
                ),
                **({"text": self._delete_text_write(dream)} if dream.text_apart else {}),
            },
        )

    def _delete_text_write(self, dream: DreamRecord) -> Write:
        return {"Delete": {"TableName": self._dreams, "Key": text_key(dream.user_id, dream.dream_id)}}

    def move_video_to_tombstone(self, video: VideoRecord, now: datetime) -> bool:
        """The video is gone, and no longer counted. ``False`` when it changed meanwhile: read it again."""
        kept = video.model_dump(include=set(VideoTombstone.model_fields), exclude_none=True)
        note = kept | _video_key(video.user_id, video.job_id) | {"created_at": to_text(video.created_at)}
        counts: dict[str, Write] = {}
        if video.status is VideoStatus.COMPLETED:
            moment = video.completed_at or now
            counts["profile"] = self._profiles.uncount_write(video.user_id, now, moment, videos=1)
        return self._take(
            self._videos,
            {"user_id": video.user_id, "job_id": video.job_id},
            {"status": video.status, "provider_task_id": video.provider_task_id, "thumbnail_key": video.thumbnail_key},
            note,
            counts,
        )

    def _take(self, table: str, key: Item, read: Item, note: Item, others: Mapping[str, Write]) -> bool:
        present = {name: value for name, value in read.items() if value is not None}
        conditions = ["attribute_exists(user_id)"]
        conditions += [f"#{name} = :{name}" if name in present else f"attribute_not_exists(#{name})" for name in read]
        deleting: Item = {
            "TableName": table,
            "Key": key,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{name}": name for name in read},
        }
        if present:
            deleting["ExpressionAttributeValues"] = {f":{name}": value for name, value in present.items()}
        transaction = Transaction().add("row", {"Delete": deleting})
        transaction.add("tombstone", {"Put": {"TableName": table, "Item": note}}).add_all(others)
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError:
            return False
        return True

    # ------------------------------------------------------------ what is in there

    def has_dream(self, user_id: str, dream_id: str) -> bool:
        """Whether something of this dream may be left."""
        found = self._database.client.get_item(
            TableName=self._dreams, Key=_dream_key(user_id, dream_id), ConsistentRead=True
        )
        return "Item" in found

    def dream_media(self, user_id: str, dream_id: str | None) -> Iterator[str]:
        """The keys of media that dreams had: of one, or of all."""
        for item in read_all(self._database.client, self._partition(self._dreams, TOMBSTONE_PREFIX + user_id)):
            if dream_id in (None, item["dream_id"]):
                yield from item.get("media_keys", ())

    def videos(self, user_id: str, dream_id: str | None, *, limit: int, after_id: str = "") -> TombstonePage:
        """Notes of videos: of one dream, or of all."""
        request = self._partition(self._videos, TOMBSTONE_PREFIX + user_id) | {"Limit": limit}
        if after_id:
            request["ExclusiveStartKey"] = _video_key(user_id, after_id)
        answer = self._database.client.query(**request)
        last = answer.get("LastEvaluatedKey")
        notes = [VideoTombstone.model_validate(item) for item in answer["Items"]]
        return TombstonePage(
            [note for note in notes if dream_id in (None, note.dream_id)], str(last["job_id"]) if last else None
        )

    def _partition(self, table: str, key: str) -> dict[str, Any]:
        return {
            "TableName": table,
            "KeyConditionExpression": "user_id = :user",
            "ExpressionAttributeValues": {":user": key},
            "ConsistentRead": True,
        }

    # ------------------------------------------------------------ out

    def purge_videos(self, user_id: str, job_ids: Sequence[str]) -> None:
        """Nothing of these videos is left anywhere."""
        for job_id in job_ids:
            self._database.client.delete_item(TableName=self._videos, Key=_video_key(user_id, job_id))

    def purge_dreams(self, user_id: str, dream_id: str | None) -> None:
        """Nothing of this dream, or of all of them, is left anywhere."""
        notes = read_all(self._database.client, self._partition(self._dreams, TOMBSTONE_PREFIX + user_id))
        # Texts go with their dreams; these are of runs that broke off before they had written one.
        texts = read_all(self._database.client, self._partition(self._dreams, texts_of(user_id)))
        for item in chain(notes, texts if dream_id is None else ()):
            if dream_id in (None, item["dream_id"]):
                self._database.client.delete_item(
                    TableName=self._dreams, Key={"user_id": item["user_id"], "dream_id": item["dream_id"]}
                )


def _media_keys(dream: DreamRecord) -> set[str]:
    """The copies of its video's keys, its own pictures, and where one lies or would lie that is just being taken in."""
    kept = (dream.video_key, dream.thumbnail_key, dream.preview_key, dream.image_key, dream.replaced_key)
    keys = {key for key in kept if key}
    if dream.upload_id and dream.upload_token:
        for content_type in UPLOAD_SUFFIXES:
            keys.add(image_key(dream.upload_token, dream.upload_id, content_type))
            keys.add(upload_key(dream.user_id, dream.dream_id, dream.upload_id, dream.upload_token, content_type))
    return keys


def _dream_key(user_id: str, dream_id: str) -> dict[str, str]:
    return {"user_id": TOMBSTONE_PREFIX + user_id, "dream_id": dream_id}


def _video_key(user_id: str, job_id: str) -> dict[str, str]:
    return {"user_id": TOMBSTONE_PREFIX + user_id, "job_id": job_id}
