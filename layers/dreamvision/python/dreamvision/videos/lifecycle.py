"""``videos``: every rendering that was asked for, and how far it is.

A status only moves forward: pending -> processing -> completed | failed | cancelled, by conditional writes. What counts
(the profile's counters, the dream's copy, the quotas) moves in the same transaction.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from botocore.exceptions import ClientError

from dreamvision.core.clock import to_text
from dreamvision.core.pricing import micros_of_credits
from dreamvision.database.client import TOMBSTONE_PREFIX, Database, Item, build_update, is_condition_failure
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.quotas import (
    SERVICE_SHARDS,
    QuotaReservation,
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    VideoLimits,
    VideoQuotaExceededError,
    day_of,
    seconds_to_midnight,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.rendering.errors import RenderOutcomeUnknownError
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import AccountErasedError, ProfileRepository, Spending
from dreamvision.videos.models import (
    DreamNotAnalyzedError,
    Media,
    VideoFinalError,
    VideoNotFoundError,
    VideoRecord,
    new_row,
    row_key,
)
from dreamvision.videos.repository import VideoRepository

_NOT_FINAL = "#status IN (:pending, :processing)"
# A render was requested and no task id was stored.
_REQUESTED_WITHOUT_TASK = "attribute_exists(render_requested_at) AND attribute_not_exists(provider_task_id)"
_OPEN_STATES = {":pending": VideoStatus.PENDING, ":processing": VideoStatus.PROCESSING}
_TRIES = 8
NO_LIMITS = VideoLimits(per_day=10**9, concurrent=10**9, service_per_day=10**9)


class VideoLifecycle(VideoRepository):
    """The videos of one user at a time: reading them, and every way in which one begins, moves and ends."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._dreams = DreamRepository(database)
        self._profiles = ProfileRepository(database)
        self._limits = LimitsRepository(database)

    def add_with_dream(
        self,
        user_id: str,
        job_id: str,
        dream_id: str,
        dream_text: str,
        duration: int,
        now: datetime,
        limits: VideoLimits = NO_LIMITS,
    ) -> VideoRecord:
        """A new dream that waits for its analysis, and the video that is to come of it. See ``_add``.

        Raises:
            AccountErasedError: the account is being erased.
        """
        dream = self._dreams.row(user_id, dream_id, dream_text, now)
        dream |= {"latest_job_id": job_id, "video_status": VideoStatus.PENDING}
        others = {"dream": self._dreams.put_write(dream), "profile": self._profiles.count_write(user_id, now, dreams=1)}
        try:
            return self._add(new_row(user_id, job_id, dream_id, duration, now), others, limits, now)
        except TransactionRefusedError as refused:
            if "profile" in refused.failed:
                raise AccountErasedError from None
            raise

    def add(
        self,
        user_id: str,
        job_id: str,
        dream_id: str,
        duration: int,
        now: datetime,
        limits: VideoLimits = NO_LIMITS,
    ) -> VideoRecord:
        """One more video of an analysed dream. See ``_add``.

        Raises:
            DreamNotFoundError: no such dream.
            DreamNotAnalyzedError: it has no analysis.
        """
        absent = dict.fromkeys(("video_key", "video_expires_at", "thumbnail_key", "preview_key"))
        copy: Item = {"video_status": VideoStatus.PENDING, **absent}
        others = {"dream": self._dreams.copy_video_write(user_id, dream_id, job_id, copy, first=True)}
        try:
            return self._add(new_row(user_id, job_id, dream_id, duration, now), others, limits, now)
        except TransactionRefusedError:
            self._dreams.get(user_id, dream_id, consistent=True)
            raise DreamNotAnalyzedError from None

    def _add(self, row: Item, others: Mapping[str, Write], limits: VideoLimits, now: datetime) -> VideoRecord:
        """The row, counted within the quotas, together with ``others``: all of it or nothing.

        A row that is there already (of a run that broke off) is given back as it is, and nothing is counted again.

        Raises:
            VideoQuotaExceededError, TooManyRunningVideosError, ServiceQuotaExceededError: a quota is used up.
            TransactionRefusedError: a condition of ``others`` did not hold.
        """
        user_id, job_id = row["user_id"], row["job_id"]
        reservation = QuotaReservation(day_of(now), int(job_id[-4:], 16) % SERVICE_SHARDS)
        for _ in range(_TRIES):
            counted = row | {"quota_day": reservation.day, "quota_shard": reservation.shard}
            transaction = Transaction().add("video", self._put_write(counted)).add_all(others)
            transaction.add_all(self._limits.reserve_writes(user_id, reservation, limits, int(now.timestamp())))
            try:
                self._database.transact_write(transaction)
            except TransactionRefusedError as refused:
                if "video" in refused.failed:
                    return self.get(user_id, job_id, consistent=True)
                if refused.failed & others.keys():
                    raise
                if "daily" in refused.failed:
                    raise VideoQuotaExceededError(seconds_to_midnight(now)) from None
                if "concurrent" in refused.failed:
                    raise TooManyRunningVideosError from None
                if "service" not in refused.failed:
                    raise
                reservation = self._with_room(reservation, limits, now)
            else:
                return VideoRecord.model_validate(counted)
        raise ContentionError

    def _with_room(self, reservation: QuotaReservation, limits: VideoLimits, now: datetime) -> QuotaReservation:
        shards = self._limits.shards_with_room(reservation.day, limits)
        if not shards:
            raise ServiceQuotaExceededError(seconds_to_midnight(now))
        # Not all to the same one: the next of the ring.
        later = [shard for shard in shards if shard > reservation.shard]
        return reservation._replace(shard=(later or shards)[0])

    def request_render(self, user_id: str, job_id: str, now: datetime) -> VideoRecord:
        """Write down the intent to ask for a paid rendering, before it is asked for.

        The answer has a ``provider_task_id`` where the rendering was asked for before: take that one.

        Raises:
            RenderOutcomeUnknownError: it was asked for before and no answer was kept: asking again could pay twice.
            VideoFinalError: nothing is to be rendered any more.
            VideoNotFoundError: deleted meanwhile.
        """
        condition = f"{_NOT_FINAL} AND attribute_not_exists(render_requested_at)"
        try:
            self._update(user_id, job_id, {"render_requested_at": to_text(now)}, now, condition, _OPEN_STATES)
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            video = self.get(user_id, job_id, consistent=True)
            if video.status.is_final:
                raise VideoFinalError from None
            if video.provider_task_id is None:
                raise RenderOutcomeUnknownError from None
            return video
        return self.get(user_id, job_id, consistent=True)

    def withdraw_render_request(self, user_id: str, job_id: str, now: datetime) -> None:
        """Take the intent back, once it is certain that nothing was created.

        A video that was closed in between was taken for a spent one; it gives its day back now.

        Raises:
            VideoNotFoundError: deleted meanwhile.
        """
        try:
            self._update(
                user_id,
                job_id,
                {"render_requested_at": None},
                now,
                f"{_NOT_FINAL} AND {_REQUESTED_WITHOUT_TASK}",
                _OPEN_STATES,
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            self._withdraw_from_final(self.get(user_id, job_id, consistent=True), now)

    def _withdraw_from_final(self, video: VideoRecord, now: datetime) -> None:
        update = build_update({"render_requested_at": None, "updated_at": to_text(now)})
        update |= {"TableName": self._table, "Key": row_key(video.user_id, video.job_id)}
        update["ConditionExpression"] = f"NOT ({_NOT_FINAL}) AND {_REQUESTED_WITHOUT_TASK}"
        update["ExpressionAttributeNames"]["#status"] = "status"
        update["ExpressionAttributeValues"] |= _OPEN_STATES
        transaction = Transaction().add("video", {"Update": update})
        if video.reservation:
            transaction.add_optional(self._limits.release_daily_writes(video.user_id, video.reservation))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError as refused:
            if "video" not in refused.failed:
                raise  # else it was withdrawn before

    def record_render(self, user_id: str, job_id: str, task_id: str, credits: int | None, now: datetime) -> VideoRecord:
        """Keep the renderer's task id, whatever the status is by now: without it a paid task is lost.

        The answer is final where nobody wants the rendering any more.

        Raises:
            VideoNotFoundError: deleted meanwhile; whoever erases the rest of it finds the task id.
        """
        values = {"provider_task_id": task_id, "credits": credits}
        if not self._update_if_there(user_id, job_id, values, now):
            self._update_if_there(TOMBSTONE_PREFIX + user_id, job_id, values, now)
            raise VideoNotFoundError
        video = self.get(user_id, job_id, consistent=True)
        if video.status is not VideoStatus.PENDING:
            return video
        try:
            self._move(video, VideoStatus.PROCESSING, now, {})
        except VideoFinalError:
            return self.get(user_id, job_id, consistent=True)
        return video.model_copy(update={"status": VideoStatus.PROCESSING})

    def record_progress(self, video: VideoRecord, progress: int, queued_since: datetime | None, now: datetime) -> None:
        """Progress never goes back. A video that became final meanwhile stays as it is.

        Raises:
            VideoFinalError: it became final meanwhile.
        """
        values: Item = {
            "progress": max(progress, video.progress),
            "queued_since": to_text(queued_since) if queued_since else None,
        }
        if values == {
            "progress": video.progress,
            "queued_since": to_text(video.queued_since) if video.queued_since else None,
        }:
            return
        try:
            self._update(video.user_id, video.job_id, values, now, _NOT_FINAL, _OPEN_STATES)
        except ClientError as error:
            if is_condition_failure(error):
                raise VideoFinalError from None
            raise

    def complete(self, video: VideoRecord, media: Media, now: datetime) -> None:
        """The video can be watched: status, counter and the dream's copy in one transaction.

        Raises:
            VideoFinalError: it was cancelled or closed meanwhile.
        """
        keys: Item = {
            "video_key": media.video_key,
            "thumbnail_key": media.thumbnail_key,
            "preview_key": media.preview_key,
            "video_expires_at": to_text(media.expires_at) if media.expires_at else None,
        }
        values = {
            **keys,
            "progress": 100,
            "completed_at": to_text(now),
            "queued_since": None,
            "width": media.width,
            "height": media.height,
            "thumbnail_width": media.thumbnail_width,
            "thumbnail_height": media.thumbnail_height,
        }
        spending = Spending(credits=video.credits or 0, cost=micros_of_credits(video.credits or 0))
        count = self._profiles.count_write(video.user_id, now, videos=1, spending=spending)
        self._move(video, VideoStatus.COMPLETED, now, values, keys, {"profile": count})

    def fail(self, user_id: str, job_id: str, error_code: str, error_message: str, now: datetime) -> VideoRecord:
        """Close the video, and an analysis that still waits, as failed. Harmless when the video is final already."""
        video = self.get(user_id, job_id, consistent=True)
        if video.status.is_final:
            return video
        values: Item = {"error_code": error_code, "error_message": error_message, "queued_since": None}
        try:
            self._move(video, VideoStatus.FAILED, now, values)
        except VideoFinalError:
            return self.get(user_id, job_id, consistent=True)
        self._fail_waiting_analysis(video, error_code)
        return self.get(user_id, job_id, consistent=True)

    def cancel(self, user_id: str, job_id: str, now: datetime) -> VideoRecord:
        """Nobody wants the video any more. Harmless when it is cancelled already.

        Raises:
            VideoFinalError: it is completed or failed.
            VideoNotFoundError: there is none with this id, or it is somebody else's.
        """
        video = self.get(user_id, job_id, consistent=True)
        if not video.status.is_final:
            with suppress(VideoFinalError):  # somebody was faster: the row says how it ended
                self._move(video, VideoStatus.CANCELLED, now, {"queued_since": None})
            video = self.get(user_id, job_id, consistent=True)
        if video.status is not VideoStatus.CANCELLED:
            raise VideoFinalError
        return video

    def _fail_waiting_analysis(self, video: VideoRecord, error_code: str) -> None:
        try:
            write = self._dreams.fail_analysis_write(video.user_id, video.dream_id, error_code)
            self._database.transact_write(Transaction().add("dream", write))
        except TransactionRefusedError:
            return  # analysed before, or deleted: nothing waits

    def _move(
        self,
        video: VideoRecord,
        status: VideoStatus,
        now: datetime,
        values: Item,
        copied: Item | None = None,
        counts: Mapping[str, Write] | None = None,
    ) -> None:
        """The one way in which a status changes.

        With a final status the quotas are given back in the same transaction: the place among the running videos in
        any case, the ones of the day where no rendering was asked for. Doing it twice is impossible: the second
        transaction finds the video final.

        Raises:
            VideoFinalError: the video is final already, or was deleted, or its account is being erased.
        """
        copy = {"video_status": status, **(copied or {})}
        copy_write = self._dreams.copy_video_write(video.user_id, video.dream_id, video.job_id, copy)
        for _ in range(_TRIES):
            transaction = Transaction().add("video", self._status_write(video, status, now, values))
            transaction.add_all(counts or {})
            # A newer video of the same dream may have taken over the copy; a count may have expired or been erased.
            transaction.add_optional({"dream": copy_write, **self._release_writes(video, status)})
            try:
                self._database.transact_write(transaction)
            except TransactionRefusedError as refused:
                if refused.failed & (counts or {}).keys():
                    raise VideoFinalError from None  # nothing of an erased account is counted any more
                if "video" not in refused.failed:
                    raise
                video = self._still_open(video)  # the render was requested, or the request withdrawn, at this moment
            else:
                return
        raise ContentionError

    def _status_write(self, video: VideoRecord, status: VideoStatus, now: datetime, values: Item) -> Write:
        final = {"open_mark": None} if status.is_final else {}
        update = build_update({**values, **final, "status": status, "updated_at": to_text(now)})
        update |= {"TableName": self._table, "Key": row_key(video.user_id, video.job_id)}
        update["ConditionExpression"] = _NOT_FINAL
        if status.is_final:
            # What is given back was decided from this.
            asked = "attribute_exists" if video.render_requested_at else "attribute_not_exists"
            update["ConditionExpression"] += f" AND {asked}(render_requested_at)"
        update["ExpressionAttributeValues"] |= _OPEN_STATES
        return {"Update": update}

    def _release_writes(self, video: VideoRecord, status: VideoStatus) -> dict[str, Write]:
        if not status.is_final or video.reservation is None:
            return {}
        spent = video.render_requested_at is not None
        daily = {} if spent else self._limits.release_daily_writes(video.user_id, video.reservation)
        return self._limits.release_concurrent_writes(video.user_id) | daily

    def _still_open(self, video: VideoRecord) -> VideoRecord:
        try:
            current = self.get(video.user_id, video.job_id, consistent=True)
        except VideoNotFoundError:
            raise VideoFinalError from None
        if current.status.is_final:
            raise VideoFinalError
        return current

    def _put_write(self, row: Item) -> Write:
        return {"Put": {"TableName": self._table, "Item": row, "ConditionExpression": "attribute_not_exists(user_id)"}}

    def _update_if_there(self, user_id: str, job_id: str, values: Item, now: datetime) -> bool:
        try:
            self._update(user_id, job_id, values, now, "attribute_exists(user_id)")
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True

    def _update(
        self,
        user_id: str,
        job_id: str,
        values: Item,
        now: datetime,
        condition: str,
        condition_values: Item | None = None,
    ) -> None:
        update = build_update({**values, "updated_at": to_text(now)})
        if "#status" in condition:
            update["ExpressionAttributeNames"]["#status"] = "status"
        update["ExpressionAttributeValues"] |= condition_values or {}
        self._database.client.update_item(
            TableName=self._table, Key=row_key(user_id, job_id), ConditionExpression=condition, **update
        )
