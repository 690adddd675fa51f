"""Reading ``videos``: one, the pages of a user, those of a dream, the open ones of everybody."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from dreamvision.core.clock import to_text
from dreamvision.core.ids import earliest_id
from dreamvision.database.client import Database
from dreamvision.database.pagination import read_all, read_page
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import OPEN_MARK, OpenVideo, VideoNotFoundError, VideoPage, VideoRecord, row_key

OPEN_INDEX = "open_videos"
UPDATE_INDEX = "by_update"

# How much the clocks of two machines that make ids may differ, and then some.
_CLOCKS_APART_SECONDS = 3600


class VideoRepository:
    """The videos as they are, of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.videos_table

    def get(self, user_id: str, job_id: str, *, consistent: bool = False) -> VideoRecord:
        """One video.

        Raises:
            VideoNotFoundError: there is none with this id, or it is somebody else's.
        """
        found = self._database.client.get_item(
            TableName=self._table, Key=row_key(user_id, job_id), ConsistentRead=consistent
        )
        if "Item" not in found:
            raise VideoNotFoundError
        return VideoRecord.model_validate(found["Item"])

    def get_eventually(self, user_id: str, job_id: str) -> VideoRecord:
        """One video as it was a moment ago, for half a read unit. A miss is looked up again for certain.

        Raises:
            VideoNotFoundError: there is none with this id, or it is somebody else's.
        """
        try:
            return self.get(user_id, job_id)
        except VideoNotFoundError:
            return self.get(user_id, job_id, consistent=True)

    def page(
        self, user_id: str, *, limit: int, status: VideoStatus | None = None, after_id: str | None = None
    ) -> VideoPage:
        """One page, newest first. With ``status`` a page may have fewer rows than there are: go on until the last."""
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
        """All videos of one dream. Costs what was asked for since the dream was told: no index is consistent."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "user_id = :user AND job_id >= :earliest",
            "FilterExpression": "dream_id = :dream",
            "ExpressionAttributeValues": {
                ":user": user_id,
                ":dream": dream_id,
                ":earliest": earliest_id(dream_id, margin_seconds=_CLOCKS_APART_SECONDS),
            },
            "ConsistentRead": True,
        }
        return [VideoRecord.model_validate(item) for item in read_all(self._database.client, request)]

    def first_page(self, user_id: str, limit: int) -> list[VideoRecord]:
        """Any videos of the user; none when there are none left."""
        return self.page(user_id, limit=limit).videos

    def changed_since(self, user_id: str, moment: datetime, limit: int) -> list[VideoRecord]:
        """The videos that changed at this moment or later, the least recent change first; a consistent read."""
        answer = self._database.client.query(
            TableName=self._table,
            IndexName=UPDATE_INDEX,
            KeyConditionExpression="user_id = :user AND updated_at >= :moment",
            ExpressionAttributeValues={":user": user_id, ":moment": to_text(moment)},
            ConsistentRead=True,
            Limit=limit,
        )
        return [VideoRecord.model_validate(item) for item in answer["Items"]]

    def list_open(self, moment: datetime) -> Iterator[OpenVideo]:
        """The videos of all users that were asked for before ``moment`` and are not final, oldest first."""
        pages = self._database.client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="open_mark = :open AND created_at < :moment",
            ExpressionAttributeValues={":open": OPEN_MARK, ":moment": to_text(moment)},
        )
        for page in pages:
            yield from (OpenVideo(str(item["user_id"]), str(item["job_id"])) for item in page["Items"])
