"""``dreams``: what was told, what the analysis made of it, and a copy of the latest video's state.

The copy lets a page of the history cost one query. ``user_category`` is the key of the index by category and exists
only once a dream is analysed.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.analysis import Analysis, Category
from dreamvision.clock import to_text
from dreamvision.errors import DreamVisionError
from dreamvision.models.dreams import AnalysisStatus
from dreamvision.models.uploads import UploadStatus
from dreamvision.models.videos import VideoStatus
from dreamvision.pricing import MICRO, estimate_cost
from dreamvision.tables.database import Database, Item, TransactionRefusedError, Write, condition_failed, setting
from dreamvision.tables.paging import read_page
from dreamvision.tables.profiles import AccountErasedError, Profiles, Spending

CATEGORY_INDEX = "by_category"
ANALYSIS_INDEX = "by_analysis"


class DreamNotFoundError(DreamVisionError):
    """The caller has no dream with this id."""

    default_message = "No such dream."
    user_message = "This dream does not exist."


class DreamRecord(BaseModel):
    """A row of ``dreams``.

    ``picture_key`` is the user's own picture, ``replaced_key`` the one before it, which is to be deleted or is gone
    already; ``upload_*`` is the last one announced, ``upload_error`` the class of
    the error that it was rejected with.
    """

    model_config = ConfigDict(frozen=True)

    user_id: str
    dream_id: str
    dream_text: str
    analysis_status: AnalysisStatus
    created_at: datetime
    video_prompt: str | None = None
    category: Category | None = None
    template_used: str | None = None
    confidence: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    model: str | None = None
    processing_time_ms: int | None = None
    analysis_error: str | None = None
    analyzed_at: datetime | None = None
    latest_job_id: str | None = None
    video_status: VideoStatus | None = None
    video_key: str | None = None
    video_expires_at: datetime | None = None
    thumbnail_key: str | None = None
    preview_key: str | None = None
    picture_key: str | None = None
    replaced_key: str | None = None
    upload_id: str | None = None
    upload_token: str | None = None
    upload_status: UploadStatus | None = None
    upload_error: str | None = None


class AnalyzedDream(BaseModel):
    """What the index of analyses has of a dream."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    dream_id: str
    analyzed_at: datetime
    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    latest_job_id: str | None = None


class Page(NamedTuple):
    """Rows, newest first, and the id to go on after (``None`` on the last page)."""

    dreams: list[DreamRecord]
    last_id: str | None


class Dreams:
    """The dreams of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.dreams_table
        self._profiles = Profiles(database)

    def get(self, user_id: str, dream_id: str, *, consistent: bool = False) -> DreamRecord:
        """One dream.

        Raises:
            DreamNotFoundError: there is none with this id, or it is somebody else's.
        """
        found = self._database.client.get_item(
            TableName=self._table, Key=_key(user_id, dream_id), ConsistentRead=consistent
        )
        if "Item" not in found:
            raise DreamNotFoundError
        return DreamRecord.model_validate(found["Item"])

    def page(self, user_id: str, *, limit: int, category: Category | None = None, after_id: str | None = None) -> Page:
        """One page of the history by one query, which costs the same for the first page and the last.

        Without a category it has everything that was written before; the index by category may lag for a moment.
        """
        keys = ("user_id", "dream_id") if category is None else ("user_id", "dream_id", "user_category")
        items, last_key = read_page(self._database.client, self._query(user_id, category, after_id), keys, limit)
        return Page(
            dreams=[DreamRecord.model_validate(item) for item in items],
            last_id=str(last_key["dream_id"]) if last_key else None,
        )

    def id_at(self, user_id: str, skipped: int, *, category: Category | None = None) -> str | None:
        """The id of the ``skipped``-th dream of the history, after which a page by number begins; ``None`` if there are
        fewer.

        Costs what is skipped; a cursor does not.
        """
        request = self._query(user_id, category, None) | {"ProjectionExpression": "dream_id"}
        while True:
            answer = self._database.client.query(**request, Limit=min(skipped, 1000))
            skipped -= len(answer["Items"])
            if skipped == 0:
                return str(answer["Items"][-1]["dream_id"])
            if "LastEvaluatedKey" not in answer:
                return None
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _query(self, user_id: str, category: Category | None, after_id: str | None) -> dict[str, Any]:
        request: dict[str, Any] = {"TableName": self._table, "ScanIndexForward": False}
        if category is None:
            request |= {"KeyConditionExpression": "user_id = :key", "ConsistentRead": True}
            request["ExpressionAttributeValues"] = {":key": user_id}
        else:
            request |= {"KeyConditionExpression": "user_category = :key", "IndexName": CATEGORY_INDEX}
            request["ExpressionAttributeValues"] = {":key": _user_category(user_id, category)}
        if after_id is not None:
            start: Item = dict(_key(user_id, after_id))
            if category is not None:
                start["user_category"] = _user_category(user_id, category)
            request["ExclusiveStartKey"] = start
        return request

    def some(self, user_id: str, limit: int) -> list[DreamRecord]:
        """Any dreams of the user; none when there are none left."""
        answer = self._database.client.query(**self._query(user_id, None, None), Limit=limit)
        return [DreamRecord.model_validate(item) for item in answer["Items"]]

    def analyzed_since(self, user_id: str, moment: datetime, limit: int) -> list[AnalyzedDream]:
        """The dreams whose analysis came at this moment or later, the oldest first; a consistent read."""
        answer = self._database.client.query(
            TableName=self._table,
            IndexName=ANALYSIS_INDEX,
            KeyConditionExpression="user_id = :user AND analyzed_at >= :moment",
            ExpressionAttributeValues={":user": user_id, ":moment": to_text(moment)},
            ConsistentRead=True,
            Limit=limit,
        )
        return [AnalyzedDream.model_validate(item) for item in answer["Items"]]

    def add_analyzed(
        self, user_id: str, dream_id: str, dream_text: str, analysis: Analysis, processing_time_ms: int, now: datetime
    ) -> DreamRecord:
        """Keep a dream, which was told at ``now``, together with its analysis, and count it.

        Raises:
            AccountErasedError: the account is being erased.
        """
        analyzed = _analyzed(user_id, analysis, processing_time_ms, now + timedelta(milliseconds=processing_time_ms))
        row = self.row(user_id, dream_id, dream_text, now) | analyzed
        counting = self._profiles.counting(
            user_id, now, dreams=1, categories={analysis.category: 1}, spending=_spending(analysis)
        )
        try:
            self._database.write_together([self.putting(row), counting])
        except TransactionRefusedError as refused:
            if refused.refused(1):
                raise AccountErasedError from None
            raise
        return DreamRecord.model_validate(row)

    def complete_analysis(
        self, user_id: str, dream_id: str, analysis: Analysis, processing_time_ms: int, now: datetime
    ) -> None:
        """Add the analysis to a dream that waits for it. Harmless when it was done before.

        Raises:
            DreamNotFoundError: the dream was deleted meanwhile.
            AccountErasedError: the account is being erased.
        """
        values = _analyzed(user_id, analysis, processing_time_ms, now)
        update = setting(values)
        update["Key"] = _key(user_id, dream_id)
        update["TableName"] = self._table
        update["ConditionExpression"] = "analysis_status = :pending"
        update["ExpressionAttributeValues"][":pending"] = AnalysisStatus.PENDING
        counting = self._profiles.counting(
            user_id, now, categories={analysis.category: 1}, spending=_spending(analysis)
        )
        try:
            self._database.write_together([{"Update": update}, counting])
        except TransactionRefusedError as refused:
            if self.get(user_id, dream_id, consistent=True).analysis_status is AnalysisStatus.COMPLETED:
                return
            if refused.refused(1):
                raise AccountErasedError from None
            raise

    def failing_analysis(self, user_id: str, dream_id: str, error: str) -> Write:
        """The write that closes a waiting analysis as failed; ``error`` is the class of the error."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(user_id, dream_id),
                "UpdateExpression": "SET analysis_status = :failed, analysis_error = :error",
                "ConditionExpression": "analysis_status = :pending",
                "ExpressionAttributeValues": {
                    ":failed": AnalysisStatus.FAILED,
                    ":pending": AnalysisStatus.PENDING,
                    ":error": error,
                },
            }
        }

    def row(self, user_id: str, dream_id: str, dream_text: str, now: datetime) -> Item:
        """A dream that waits for its analysis."""
        return {
            **_key(user_id, dream_id),
            "dream_text": dream_text,
            "analysis_status": AnalysisStatus.PENDING,
            "created_at": to_text(now),
        }

    def putting(self, row: Item) -> Write:
        """The write that adds a dream. It never replaces one."""
        return {"Put": {"TableName": self._table, "Item": row, "ConditionExpression": "attribute_not_exists(user_id)"}}

    def announce_upload(self, user_id: str, dream_id: str, upload_id: str, token: str) -> None:
        """Wait for a picture. It takes the place of one that is waited for already.

        Raises:
            DreamNotFoundError: no such dream.
        """
        values = {
            "upload_id": upload_id,
            "upload_token": token,
            "upload_status": UploadStatus.PENDING,
            "upload_error": None,
        }
        if not self._set_if(user_id, dream_id, values, "attribute_exists(user_id)"):
            raise DreamNotFoundError

    def attach_picture(self, dream: DreamRecord, key: str) -> bool:
        """Show the awaited picture. Whether it was still awaited."""
        values: Item = {"upload_status": UploadStatus.ATTACHED, "picture_key": key, "replaced_key": dream.picture_key}
        return self._finish_upload(dream, values)

    def reject_upload(self, dream: DreamRecord, error: str) -> bool:
        """Note that the awaited picture will not do; ``error`` is the class of the error."""
        return self._finish_upload(dream, {"upload_status": UploadStatus.REJECTED, "upload_error": error})

    def _finish_upload(self, dream: DreamRecord, values: Item) -> bool:
        condition = "upload_id = :expected_id AND upload_status = :pending"
        expected = {":expected_id": dream.upload_id, ":pending": UploadStatus.PENDING}
        return self._set_if(dream.user_id, dream.dream_id, values, condition, expected)

    def _set_if(
        self, user_id: str, dream_id: str, values: Item, condition: str, condition_values: Item | None = None
    ) -> bool:
        update = setting(values)
        update["ExpressionAttributeValues"] |= condition_values or {}
        try:
            self._database.client.update_item(
                TableName=self._table, Key=_key(user_id, dream_id), ConditionExpression=condition, **update
            )
        except ClientError as error:
            if condition_failed(error):
                return False
            raise
        return True

    def copying_video(self, user_id: str, dream_id: str, job_id: str, copy: Item, *, first: bool = False) -> Write:
        """The write that brings the copy of the latest video's state up to date.

        With ``first`` the video becomes the latest one of an analysed dream; else it must be the latest already.
        """
        update = setting({**copy, "latest_job_id": job_id})
        update |= {"TableName": self._table, "Key": _key(user_id, dream_id)}
        if first:
            update["ConditionExpression"] = "analysis_status = :completed"
            update["ExpressionAttributeValues"][":completed"] = AnalysisStatus.COMPLETED
        else:
            update["ConditionExpression"] = "latest_job_id = :latest_job_id"
        return {"Update": update}


def _key(user_id: str, dream_id: str) -> dict[str, str]:
    return {"user_id": user_id, "dream_id": dream_id}


def _user_category(user_id: str, category: Category) -> str:
    return f"{user_id}#{category}"


def _analyzed(user_id: str, analysis: Analysis, processing_time_ms: int, now: datetime) -> Item:
    return {
        "analyzed_at": to_text(now),
        "analysis_status": AnalysisStatus.COMPLETED,
        "user_category": _user_category(user_id, analysis.category),
        "video_prompt": analysis.video_prompt,
        "category": analysis.category,
        "template_used": analysis.template_used,
        "confidence": Decimal(str(analysis.confidence)),
        "input_tokens": analysis.input_tokens,
        "output_tokens": analysis.output_tokens,
        "model": analysis.model,
        "processing_time_ms": processing_time_ms,
    }


def _spending(analysis: Analysis) -> Spending:
    """A model without a known price counts by its tokens alone."""
    dollars = estimate_cost(analysis.model, analysis.input_tokens, analysis.output_tokens) or Decimal(0)
    return Spending(analysis.input_tokens, analysis.output_tokens, cost=dollars * MICRO)
