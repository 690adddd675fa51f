"""``dreams``: what was told, what the analysis made of it, and a copy of the latest video's state.

The copy lets a page of the history cost one query. ``user_category`` is the key of the index by category and exists
only once a dream is analysed.

A transaction writes everything twice. A text that stays long however it is packed (some 900 characters of Chinese; no
English one) is therefore an item of its own, ``text#<user_id>``, written once before the transaction of its row.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.pricing import MICRO, estimate_cost
from dreamvision.database.client import Database, Item, build_update, is_condition_failure
from dreamvision.database.compression import CompressedText, compress
from dreamvision.database.transactions import Transaction, TransactionRefusedError, Write
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.uploads import UploadStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import AccountErasedError, ProfileRepository, Spending

ANALYSIS_INDEX = "by_analysis"
IMAGE_KEY = "picture_key"
"""The attribute that holds the key of the user's own image."""
# With what else there is in it, a row is then no larger than three kilobytes: six write units.
_LONGEST_TEXT_IN_ROW = 1600
_TEXTS = "text#"
# A short name: with it 2,000 characters of two bytes each, and what else such an item has, are just below 4 KB.
TEXT_APART = "t"


class DreamNotFoundError(DreamVisionError):
    """The caller has no dream with this id."""

    default_message = "No such dream."
    user_message = "This dream does not exist."


class DreamRecord(BaseModel):
    """A row of ``dreams``.

    ``image_key`` is the user's own picture, ``replaced_key`` the one before it, which is to be deleted or is gone
    already; ``upload_*`` is the last one announced, ``upload_error`` the class of
    the error that it was rejected with.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    user_id: str
    dream_id: str
    dream_text: CompressedText
    analysis_status: AnalysisStatus
    created_at: datetime
    video_prompt: CompressedText | None = None
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
    image_key: str | None = Field(default=None, validation_alias=IMAGE_KEY)
    replaced_key: str | None = None
    upload_id: str | None = None
    upload_token: str | None = None
    upload_status: UploadStatus | None = None
    upload_error: str | None = None
    text_apart: bool = False


class AnalyzedDream(BaseModel):
    """What the index of analyses has of a dream."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    dream_id: str
    analyzed_at: datetime
    category: Category
    template_used: str
    confidence: float
    video_prompt: CompressedText
    latest_job_id: str | None = None


class DreamRepository:
    """The dreams of one user at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.dreams_table
        self._profiles = ProfileRepository(database)

    def get(self, user_id: str, dream_id: str, *, consistent: bool = False) -> DreamRecord:
        """One dream.

        Raises:
            DreamNotFoundError: there is none with this id, or it is somebody else's.
        """
        found = self._database.client.get_item(
            TableName=self._table, Key=dream_key(user_id, dream_id), ConsistentRead=consistent
        )
        if "Item" not in found:
            raise DreamNotFoundError
        row = found["Item"]
        if row.get("text_apart"):
            # A consistent read, since the text was written before the row; it is gone where the dream is gone by now.
            apart = self._database.client.get_item(
                TableName=self._table, Key=text_key(user_id, dream_id), ConsistentRead=True
            )
            if "Item" not in apart:
                raise DreamNotFoundError
            row["dream_text"] = apart["Item"][TEXT_APART]
        return DreamRecord.model_validate(row)

    def exists(self, user_id: str, dream_id: str) -> bool:
        """Whether the user has this dream; a consistent read."""
        found = self._database.client.get_item(
            TableName=self._table,
            Key=dream_key(user_id, dream_id),
            ProjectionExpression="dream_id",
            ConsistentRead=True,
        )
        return "Item" in found

    def first_page_ids(self, user_id: str, limit: int) -> list[str]:
        """The ids of any dreams of the user; none when there are none left."""
        answer = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ProjectionExpression="dream_id",
            ConsistentRead=True,
            Limit=limit,
        )
        return [str(item["dream_id"]) for item in answer["Items"]]

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

        At most 9 write units where an alphabet wrote the text, 10 for anything else that people write.

        Raises:
            AccountErasedError: the account is being erased.
        """
        analyzed = _analyzed(user_id, analysis, processing_time_ms, now + timedelta(milliseconds=processing_time_ms))
        row = self.row(user_id, dream_id, dream_text, now) | analyzed
        apart = self._put_apart(row)
        count = self._profiles.count_write(
            user_id, now, dreams=1, categories={analysis.category: 1}, spending=_spending(analysis)
        )
        try:
            self._database.transact_write(Transaction().add("dream", self.put_write(row)).add("profile", count))
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                if apart:
                    self._database.client.delete_item(TableName=self._table, Key=text_key(user_id, dream_id))
                raise AccountErasedError from None
            raise
        return DreamRecord.model_validate(row | apart)

    def _put_apart(self, row: Item) -> Item:
        """Move the text of a row into an item of its own where it is long; what was moved.

        A run that breaks off before the row is written leaves the item: for the run that takes the request up, whose
        dream has the same id, or for the erasure of the account.
        """
        if len(row["dream_text"]) <= _LONGEST_TEXT_IN_ROW:
            return {}
        text = row.pop("dream_text")
        row["text_apart"] = True
        item = {**text_key(row["user_id"], row["dream_id"]), TEXT_APART: text}
        self._database.client.put_item(TableName=self._table, Item=item)
        return {"dream_text": text}

    def complete_analysis(
        self, user_id: str, dream_id: str, analysis: Analysis, processing_time_ms: int, now: datetime
    ) -> None:
        """Add the analysis to a dream that waits for it. Harmless when it was done before.

        Raises:
            DreamNotFoundError: the dream was deleted meanwhile.
            AccountErasedError: the account is being erased.
        """
        values = _analyzed(user_id, analysis, processing_time_ms, now)
        update = build_update(values)
        update["Key"] = dream_key(user_id, dream_id)
        update["TableName"] = self._table
        update["ConditionExpression"] = "analysis_status = :pending"
        update["ExpressionAttributeValues"][":pending"] = AnalysisStatus.PENDING
        count = self._profiles.count_write(
            user_id, now, categories={analysis.category: 1}, spending=_spending(analysis)
        )
        try:
            self._database.transact_write(Transaction().add("dream", {"Update": update}).add("profile", count))
        except TransactionRefusedError as refused:
            if self.get(user_id, dream_id, consistent=True).analysis_status is AnalysisStatus.COMPLETED:
                return
            if "profile" in refused.failed:
                raise AccountErasedError from None
            raise

    def fail_analysis_write(self, user_id: str, dream_id: str, error: str) -> Write:
        """The write that closes a waiting analysis as failed; ``error`` is the class of the error."""
        return {
            "Update": {
                "TableName": self._table,
                "Key": dream_key(user_id, dream_id),
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
            **dream_key(user_id, dream_id),
            "dream_text": compress(dream_text),
            "analysis_status": AnalysisStatus.PENDING,
            "created_at": to_text(now),
        }

    def put_write(self, row: Item) -> Write:
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

    def attach_image(self, dream: DreamRecord, key: str) -> bool:
        """Show the awaited picture. Whether it was still awaited."""
        values: Item = {"upload_status": UploadStatus.ATTACHED, IMAGE_KEY: key, "replaced_key": dream.image_key}
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
        update = build_update(values)
        update["ExpressionAttributeValues"] |= condition_values or {}
        try:
            self._database.client.update_item(
                TableName=self._table, Key=dream_key(user_id, dream_id), ConditionExpression=condition, **update
            )
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def copy_video_write(self, user_id: str, dream_id: str, job_id: str, copy: Item, *, first: bool = False) -> Write:
        """The write that brings the copy of the latest video's state up to date.

        With ``first`` the video becomes the latest one of an analysed dream; else it must be the latest already.
        """
        update = build_update({**copy, "latest_job_id": job_id})
        update |= {"TableName": self._table, "Key": dream_key(user_id, dream_id)}
        if first:
            update["ConditionExpression"] = "analysis_status = :completed"
            update["ExpressionAttributeValues"][":completed"] = AnalysisStatus.COMPLETED
        else:
            update["ConditionExpression"] = "latest_job_id = :latest_job_id"
        return {"Update": update}


def dream_key(user_id: str, dream_id: str) -> dict[str, str]:
    """Where a dream is."""
    return {"user_id": user_id, "dream_id": dream_id}


def text_key(user_id: str, dream_id: str) -> dict[str, str]:
    """Where a dream's text is if it is not with the dream."""
    return dream_key(texts_of(user_id), dream_id)


def texts_of(user_id: str) -> str:
    """The partition of texts that are kept apart."""
    return _TEXTS + user_id


def user_category(user_id: str, category: Category) -> str:
    """The key of the index by category."""
    return f"{user_id}#{category}"


def _analyzed(user_id: str, analysis: Analysis, processing_time_ms: int, now: datetime) -> Item:
    return {
        "analyzed_at": to_text(now),
        "analysis_status": AnalysisStatus.COMPLETED,
        "user_category": user_category(user_id, analysis.category),
        "video_prompt": compress(analysis.video_prompt),
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
