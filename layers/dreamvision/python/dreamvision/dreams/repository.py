"""The ``dreams`` table: dream texts, their analyses, and a copy of the latest video's state.

The copy lets one query return a page of the history. ``user_category`` is the key of the index by category and exists
only once a dream is analyzed.

A transaction costs twice the write units. A text that stays long when compressed (some 900 characters of Chinese; no
English text) is therefore a separate item, ``text#<user_id>``, written once before the transaction of its row.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from dreamvision.core.clock import to_text
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.pricing import MICRO, estimate_cost
from dreamvision.database.client import Database, Item, build_update, is_condition_failure
from dreamvision.database.compression import compress
from dreamvision.database.transactions import Transaction, TransactionRefusedError, Write
from dreamvision.dreams.models import IMAGE_KEY, AnalyzedDream, DreamRecord
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import Spent, shard_of
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.uploads import UploadStatus
from dreamvision.users.repository import AccountErasedError, ProfileRepository, Spending

if TYPE_CHECKING:
    from dreamvision.analysis.models import Analysis

ANALYSIS_INDEX = "by_analysis"
# Bytes. With its other attributes a row is then at most 3 KB: six write units.
_LONGEST_TEXT_IN_ROW = 1600
_TEXT_PREFIX = "text#"
# A short name keeps an item with 2,000 two-byte characters just below 4 KB.
TEXT_ATTRIBUTE = "t"


class DreamNotFoundError(DreamVisionError):
    """The caller has no dream with this id."""

    default_message = "No such dream."
    user_message = "This dream does not exist."


class DreamRepository:
    """Reads and writes dreams; every call concerns one user."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.dreams_table
        self._profiles = ProfileRepository(database)
        self._limits = LimitsRepository(database)
        self._daily_counts = DailyCounts(database)

    def get(self, user_id: str, dream_id: str, *, consistent: bool = False) -> DreamRecord:
        """Return a dream.

        Raises:
            DreamNotFoundError: the user has no dream with this id.
        """
        response = self._database.client.get_item(
            TableName=self._table, Key=dream_key(user_id, dream_id), ConsistentRead=consistent
        )
        if "Item" not in response:
            raise DreamNotFoundError
        row = response["Item"]
        if row.get("text_apart"):
            # Consistent, since the text is written before the row; missing if the dream was deleted meanwhile.
            text_response = self._database.client.get_item(
                TableName=self._table, Key=text_key(user_id, dream_id), ConsistentRead=True
            )
            if "Item" not in text_response:
                raise DreamNotFoundError
            row["dream_text"] = text_response["Item"][TEXT_ATTRIBUTE]
        return DreamRecord.model_validate(row)

    def exists(self, user_id: str, dream_id: str) -> bool:
        """Return whether the user has this dream (consistent read)."""
        response = self._database.client.get_item(
            TableName=self._table,
            Key=dream_key(user_id, dream_id),
            ProjectionExpression="dream_id",
            ConsistentRead=True,
        )
        return "Item" in response

    def first_page_ids(self, user_id: str, limit: int) -> list[str]:
        """Return up to ``limit`` ids of the user's dreams; an empty list if there are none left."""
        response = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ProjectionExpression="dream_id",
            ConsistentRead=True,
            Limit=limit,
        )
        return [str(item["dream_id"]) for item in response["Items"]]

    def analyzed_since(self, user_id: str, moment: datetime, limit: int) -> list[AnalyzedDream]:
        """Return the dreams analyzed at or after ``moment``, oldest first (consistent reads).

        The index has not all attributes, and cannot get more without a new table: the rows are read by a second call.
        """
        response = self._database.client.query(
            TableName=self._table,
            IndexName=ANALYSIS_INDEX,
            KeyConditionExpression="user_id = :user AND analyzed_at >= :moment",
            ExpressionAttributeValues={":user": user_id, ":moment": to_text(moment)},
            ConsistentRead=True,
            Limit=limit,
        )
        if not (indexed := response["Items"]):
            return []
        rows = self._database.batch_get({self._table: [dream_key(user_id, str(item["dream_id"])) for item in indexed]})
        by_id = {row["dream_id"]: row for row in rows[self._table]}
        # A dream that was deleted between the two reads is still reported, as the index has it.
        return [AnalyzedDream.model_validate(by_id.get(item["dream_id"], item)) for item in indexed]

    def add_analyzed(
        self, user_id: str, dream_id: str, dream_text: str, analysis: "Analysis", processing_time_ms: int, now: datetime
    ) -> DreamRecord:
        """Store a dream, created at ``now``, with its analysis, and count it.

        Costs at most 10 write units for any natural-language text. Beside the write of a separate text there is none
        left for the service's counter of costs: such an analysis is counted later.

        Raises:
            AccountErasedError: the account is being erased.
        """
        analyzed = _analysis_values(
            user_id, analysis, processing_time_ms, now + timedelta(milliseconds=processing_time_ms)
        )
        row = self.row(user_id, dream_id, dream_text, now) | analyzed
        separate_text = self._put_separate_text(row)
        spending = _spending(analysis)
        due = spending.cost if separate_text else Decimal(0)
        count = self._profiles.count_write(
            user_id, now, dreams=1, categories={analysis.category: 1}, spending=spending, due=due
        )
        transaction = Transaction().add("dream", self.put_write(row)).add("profile", count)
        if not separate_text:
            transaction.add_all(self._spending_writes(dream_id, spending, now))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                if separate_text:
                    self._database.client.delete_item(TableName=self._table, Key=text_key(user_id, dream_id))
                raise AccountErasedError from None
            raise
        return DreamRecord.model_validate(row | separate_text)

    def _put_separate_text(self, row: Item) -> Item:
        """Move a long text from the row to a separate item. Return the moved attribute; empty for a short text.

        A run that is interrupted before it writes the row leaves the item to the run that resumes the request (with the
        same dream id) or to the erasure of the account.
        """
        if len(row["dream_text"]) <= _LONGEST_TEXT_IN_ROW:
            return {}
        text = row.pop("dream_text")
        row["text_apart"] = True
        item = {**text_key(row["user_id"], row["dream_id"]), TEXT_ATTRIBUTE: text}
        self._database.client.put_item(TableName=self._table, Item=item)
        return {"dream_text": text}

    def complete_analysis(
        self, user_id: str, dream_id: str, analysis: "Analysis", processing_time_ms: int, now: datetime
    ) -> None:
        """Add the analysis to a pending dream. Idempotent.

        Raises:
            DreamNotFoundError: the dream was deleted meanwhile.
            AccountErasedError: the account is being erased.
        """
        values = _analysis_values(user_id, analysis, processing_time_ms, now)
        update = build_update(values)
        update["Key"] = dream_key(user_id, dream_id)
        update["TableName"] = self._table
        update["ConditionExpression"] = "analysis_status = :pending"
        update["ExpressionAttributeValues"][":pending"] = AnalysisStatus.PENDING
        spending = _spending(analysis)
        count = self._profiles.count_write(user_id, now, categories={analysis.category: 1}, spending=spending)
        transaction = Transaction().add("dream", {"Update": update}).add("profile", count)
        transaction.add_all(self._spending_writes(dream_id, spending, now))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if self.get(user_id, dream_id, consistent=True).analysis_status is AnalysisStatus.COMPLETED:
                return
            if "profile" in refused.failed:
                raise AccountErasedError from None
            raise

    def _spending_writes(self, dream_id: str, spending: Spending, now: datetime) -> dict[str, Write]:
        """Return the write that counts the cost for the service; none for a model without a known price."""
        if not spending.cost:
            return {}
        return {"spending": self._limits.spending_write(shard_of(dream_id, now), Spent(claude=spending.cost), now)}

    def fail_analysis_write(self, user_id: str, dream_id: str, error: str) -> Write:
        """Return the write that marks a pending analysis as failed; ``error`` is the error's class name."""
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

    def count_refusal(self, user_id: str, dream_id: str, now: datetime) -> None:
        """Count that the dream was refused for its content. Idempotent; the dream need not exist."""
        self._daily_counts.strike(user_id, dream_id, now)

    def row(self, user_id: str, dream_id: str, dream_text: str, now: datetime) -> Item:
        """Return the row of a dream whose analysis is pending."""
        return {
            **dream_key(user_id, dream_id),
            "dream_text": compress(dream_text),
            "analysis_status": AnalysisStatus.PENDING,
            "created_at": to_text(now),
        }

    def put_write(self, row: Item) -> Write:
        """Return the write that adds a dream. It never replaces one."""
        return {"Put": {"TableName": self._table, "Item": row, "ConditionExpression": "attribute_not_exists(user_id)"}}

    def announce_upload(self, user_id: str, dream_id: str, upload_id: str, token: str) -> None:
        """Expect an image upload, in place of any pending one.

        Raises:
            DreamNotFoundError: the user has no such dream.
        """
        values = {
            "upload_id": upload_id,
            "upload_token": token,
            "upload_status": UploadStatus.PENDING,
            "upload_error": None,
            "upload_object": None,
        }
        if not self._set_if(user_id, dream_id, values, "attribute_exists(user_id)"):
            raise DreamNotFoundError

    def accept_upload(self, dream: DreamRecord, sequencer: str) -> bool:
        """Accept the first object of a pending upload. Return false if one was accepted, or it is no longer pending."""
        return self._set_if_pending(dream, {"upload_object": sequencer}, " AND attribute_not_exists(upload_object)")

    def attach_image(self, dream: DreamRecord, key: str) -> bool:
        """Attach the uploaded image. Return false if the upload is no longer pending."""
        values: Item = {"upload_status": UploadStatus.ATTACHED, IMAGE_KEY: key, "replaced_key": dream.image_key}
        return self._set_if_pending(dream, values)

    def reject_upload(self, dream: DreamRecord, error: str) -> bool:
        """Reject the upload; ``error`` is the error's class name. Return false if the upload is no longer pending."""
        return self._set_if_pending(dream, {"upload_status": UploadStatus.REJECTED, "upload_error": error})

    def _set_if_pending(self, dream: DreamRecord, values: Item, further: str = "") -> bool:
        condition = f"upload_id = :expected_id AND upload_status = :pending{further}"
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
        """Return the write that updates the copy of the latest video's state.

        With ``first`` the video becomes the latest one of an analyzed dream; otherwise it must already be the latest.
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
    """Return the key of a dream."""
    return {"user_id": user_id, "dream_id": dream_id}


def text_key(user_id: str, dream_id: str) -> dict[str, str]:
    """Return the key of a separately stored text."""
    return dream_key(texts_of(user_id), dream_id)


def texts_of(user_id: str) -> str:
    """Return the partition key of the user's separately stored texts."""
    return _TEXT_PREFIX + user_id


def user_category(user_id: str, category: Category) -> str:
    """Return the partition key of the index by category."""
    return f"{user_id}#{category}"


def _analysis_values(user_id: str, analysis: "Analysis", processing_time_ms: int, now: datetime) -> Item:
    return {
        "analyzed_at": to_text(now),
        "analysis_status": AnalysisStatus.COMPLETED,
        "user_category": user_category(user_id, analysis.category),
        "video_prompt": compress(analysis.video_prompt),
        **({"title": compress(analysis.title)} if analysis.title else {}),
        "category": analysis.category,
        "template_used": analysis.template_used,
        "confidence": Decimal(str(analysis.confidence)),
        "input_tokens": analysis.input_tokens,
        "output_tokens": analysis.output_tokens,
        "model": analysis.model,
        "processing_time_ms": processing_time_ms,
    }


def _spending(analysis: "Analysis") -> Spending:
    """Return what the analysis cost. The cost of a model without a known price counts as zero."""
    dollars = estimate_cost(analysis.model, analysis.input_tokens, analysis.output_tokens) or Decimal(0)
    return Spending(analysis.input_tokens, analysis.output_tokens, cost=dollars * MICRO)
