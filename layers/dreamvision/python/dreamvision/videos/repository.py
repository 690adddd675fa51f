"""Reads of the ``videos`` table: one video, a user's pages, a dream's videos, and the open videos of all users."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dreamvision.core.clock import to_text
from dreamvision.core.ids import earliest_id
from dreamvision.database.client import Database, Item
from dreamvision.database.pagination import read_all, read_page
from dreamvision.database.transactions import Write
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import OPEN_MARK, OpenVideo, VideoNotFoundError, VideoPage, VideoRecord, row_key

OPEN_INDEX = "open_videos"
UPDATE_INDEX = "by_update"

# A safe upper bound for the clock skew between two machines that generate ids.
_CLOCK_SKEW_SECONDS = 3600


class VideoRepository:
    """Reads stored videos, of one user at a time except for ``list_open``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.videos_table

    def get(self, user_id: str, job_id: str, *, consistent: bool = False) -> VideoRecord:
        """Return one video.

        Raises:
            VideoNotFoundError: the user has no video with this id.
        """
        response = self._database.client.get_item(
            TableName=self._table, Key=row_key(user_id, job_id), ConsistentRead=consistent
        )
        if "Item" not in response:
            raise VideoNotFoundError
        return VideoRecord.model_validate(response["Item"])

    def get_eventually(self, user_id: str, job_id: str) -> VideoRecord:
        """Return one video by an eventually consistent read (half a read unit); repeat a miss consistently.

        Raises:
            VideoNotFoundError: the user has no video with this id.
        """
        try:
            return self.get(user_id, job_id)
        except VideoNotFoundError:
            return self.get(user_id, job_id, consistent=True)

    def page(
        self, user_id: str, *, limit: int, status: VideoStatus | None = None, after_id: str | None = None
    ) -> VideoPage:
        """Return one page, newest first. With ``status`` a page may be short: continue until the last page."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "user_id = :user",
            "ExpressionAttributeValues": {":user": user_id},
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        if status is not None:
            request |= {"FilterExpression": "#status = :status", "ExpressionAttributeNames": {"#status": "status"}}
            request["ExpressionAttributeValues"][":status"] = status
        if after_id is not None:
            request["ExclusiveStartKey"] = row_key(user_id, after_id)
        items, last_key = read_page(self._database.client, request, ("user_id", "job_id"), limit)
        return VideoPage(
            [VideoRecord.model_validate(item) for item in items], str(last_key["job_id"]) if last_key else None
        )

    def list_by_dream(self, user_id: str, dream_id: str) -> list[VideoRecord]:
        """Return all videos of one dream.

        Reads all of the user's videos since the dream was created, because no global index is consistent.
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "user_id = :user AND job_id >= :earliest",
            "FilterExpression": "dream_id = :dream",
            "ExpressionAttributeValues": {
                ":user": user_id,
                ":dream": dream_id,
                ":earliest": earliest_id(dream_id, margin_seconds=_CLOCK_SKEW_SECONDS),
            },
            "ConsistentRead": True,
        }
        return [VideoRecord.model_validate(item) for item in read_all(self._database.client, request)]

    def open_of(self, user_id: str) -> Iterator[VideoRecord]:
        """Yield the user's videos that are not final. Reads all of the user's videos: no consistent index has them."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "user_id = :user",
            "FilterExpression": "attribute_exists(open_mark)",
            "ExpressionAttributeValues": {":user": user_id},
            "ConsistentRead": True,
        }
        for item in read_all(self._database.client, request):
            yield VideoRecord.model_validate(item)

    def first_page(self, user_id: str, limit: int) -> list[VideoRecord]:
        """Return up to ``limit`` videos of the user; an empty list if none remain."""
        return self.page(user_id, limit=limit).videos

    def changed_since(self, user_id: str, moment: datetime, limit: int) -> list[VideoRecord]:
        """Return the videos changed at or after ``moment``, oldest change first, by a consistent read."""
        response = self._database.client.query(
            TableName=self._table,
            IndexName=UPDATE_INDEX,
            KeyConditionExpression="user_id = :user AND updated_at >= :moment",
            ExpressionAttributeValues={":user": user_id, ":moment": to_text(moment)},
            ConsistentRead=True,
            Limit=limit,
        )
        return [VideoRecord.model_validate(item) for item in response["Items"]]

    def list_open(self, moment: datetime) -> Iterator[OpenVideo]:
        """Yield the videos of all users that were created before ``moment`` and are not final, oldest first."""
        pages = self._database.client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="open_mark = :open AND created_at < :moment",
            ExpressionAttributeValues={":open": OPEN_MARK, ":moment": to_text(moment)},
        )
        for page in pages:
            for item in page["Items"]:
                created_at = datetime.fromisoformat(str(item["created_at"]))
                yield OpenVideo(str(item["user_id"]), str(item["job_id"]), created_at)

    def _insert_write(self, row: Item) -> Write:
        """Return the write of a new row; it is refused if the row exists."""
        return {"Put": {"TableName": self._table, "Item": row, "ConditionExpression": "attribute_not_exists(user_id)"}}
