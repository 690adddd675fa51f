"""The status transitions of videos.

A status only moves forward, by conditional writes: pending -> processing -> completed | failed | cancelled. The
profile's counters, the dream's copy and the quotas change in the same transaction.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from botocore.exceptions import ClientError

from dreamvision.analysis.errors import DreamRefusedError
from dreamvision.core.clock import to_text
from dreamvision.core.metrics import Metric, count, record
from dreamvision.core.pricing import micros_of_credits
from dreamvision.database.client import TOMBSTONE_PREFIX, Item, build_update, is_condition_failure
from dreamvision.database.compression import compress
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.limits.spending import Spent, shard_of
from dreamvision.rendering.errors import RenderModerationError, RenderOutcomeUnknownError
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import Spending
from dreamvision.videos.completion_times import CompletionTimes
from dreamvision.videos.creation import VideoCreation
from dreamvision.videos.models import Media, VideoFinalError, VideoNotFoundError, VideoRecord, row_key

_NOT_FINAL = "#status IN (:pending, :processing)"
# A render was requested and no task id was stored.
_REQUESTED_WITHOUT_TASK = "attribute_exists(render_requested_at) AND attribute_not_exists(provider_task_id)"
_OPEN_STATES = {":pending": VideoStatus.PENDING, ":processing": VideoStatus.PROCESSING}
_MAX_ATTEMPTS = 8
# Refused for the dream's content: not a fault of the service, so no alarm counts them.
_REFUSALS = frozenset({DreamRefusedError.__name__, RenderModerationError.__name__})


class VideoLifecycle(VideoCreation):
    """Reads, creates and transitions videos, of one user at a time."""

    def request_render(self, user_id: str, job_id: str, now: datetime, prompt: str | None = None) -> VideoRecord:
        """Store the intent to request a paid render, before the request, and the dream's ``prompt`` if it is used.

        If the render was already requested, the returned video has its ``provider_task_id``: use that task.

        Raises:
            RenderOutcomeUnknownError: a render was requested and no task id was stored; another could pay twice.
            VideoFinalError: the video is already final.
            VideoNotFoundError: the video was deleted meanwhile.
        """
        condition = f"{_NOT_FINAL} AND attribute_not_exists(render_requested_at)"
        values: Item = {"render_requested_at": to_text(now)}
        if prompt is not None:
            values["video_prompt"] = compress(prompt)
        try:
            self._update(user_id, job_id, values, now, condition, _OPEN_STATES)
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
        """Remove the intent, once it is certain that nothing was created.

        A video closed in between kept its daily quota, because a render counted as requested; release it now.

        Raises:
            VideoNotFoundError: the video was deleted meanwhile.
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
                raise  # otherwise the request was already withdrawn

    def count_refusal(self, user_id: str, job_id: str, now: datetime) -> None:
        """Count that the render was refused for its content. Idempotent; the video need not exist."""
        self._daily_counts.strike(user_id, job_id, now)

    def record_render(self, user_id: str, job_id: str, task_id: str, credits: int | None, now: datetime) -> VideoRecord:
        """Store the provider's task id whatever the status: without it a paid task would be lost.

        If the returned video is final, the caller has to cancel the render. An open one stays pending until a poll
        finds that the provider makes it: it may wait in the provider's queue.

        Raises:
            VideoNotFoundError: the video was deleted meanwhile; the task id is stored in its tombstone for the erasure.
        """
        values = {"provider_task_id": task_id, "credits": credits}
        if not self._update_if(_NOT_FINAL, user_id, job_id, values, now):
            self._record_render_of_closed(user_id, job_id, values, now)
        return self.get(user_id, job_id, consistent=True)

    def _record_render_of_closed(self, user_id: str, job_id: str, values: Item, now: datetime) -> None:
        """Store the task of a final or deleted video, and count its cost: it was unknown when the video was closed."""
        for owner in (user_id, TOMBSTONE_PREFIX + user_id):
            if self._update_if("attribute_exists(user_id)", owner, job_id, values, now):
                break
        if values["credits"]:
            spent = Spent(runway=micros_of_credits(values["credits"]))
            write = self._limits.spending_write(shard_of(job_id, now), spent, now)
            self._database.client.update_item(**write["Update"])

    def record_charge(self, video: VideoRecord, credits: int, now: datetime) -> None:
        """Store what the provider has charged in the place of its estimate. A final video stays unchanged."""
        if credits != video.credits:
            self._update_if(_NOT_FINAL, video.user_id, video.job_id, {"credits": credits}, now)

    def record_progress(
        self,
        video: VideoRecord,
        progress: int,
        queued_since: datetime | None,
        now: datetime,
        output_url: str | None = None,
    ) -> None:
        """Store the progress, which never decreases, and the link to the finished render. Writes only changed values.

        A pending video whose render has left the provider's queue (``queued_since`` is ``None``) is processing from
        now on.

        Raises:
            VideoFinalError: the video became final meanwhile and stays unchanged.
            ContentionError: the row kept changing.
        """
        values: Item = {
            "progress": max(progress, video.progress),
            "queued_since": to_text(queued_since) if queued_since else None,
            "output_url": output_url,
        }
        if video.status is VideoStatus.PENDING and queued_since is None:
            self._move(video, VideoStatus.PROCESSING, now, values)
            return
        if values == {
            "progress": video.progress,
            "queued_since": to_text(video.queued_since) if video.queued_since else None,
            "output_url": video.output_url,
        }:
            return
        if queued_since != video.queued_since:
            self._store_queueing(video, values, now)
        elif not self._update_if(_NOT_FINAL, video.user_id, video.job_id, values, now):
            raise VideoFinalError

    def _store_queueing(self, video: VideoRecord, values: Item, now: datetime) -> None:
        """Store the progress with a change of ``queued_since``, which the dream's copy has as well."""
        write = self._update_write(video.user_id, video.job_id, values, now, _NOT_FINAL, _OPEN_STATES)
        copy = {"queued_since": values["queued_since"]}
        dream = self._dreams.copy_video_write(video.user_id, video.dream_id, video.job_id, copy)
        try:
            self._database.transact_write(Transaction().add("video", write).add_optional({"dream": dream}))
        except TransactionRefusedError:
            raise VideoFinalError from None

    def complete(self, video: VideoRecord, media: Media, now: datetime) -> None:
        """Complete the video: status, counters and the dream's copy in one transaction.

        The service's counter of costs also gets what the user's earlier analyses left ``due``. The read of the profile
        may be stale: what one transaction adds to the service's counter it also takes from ``due``.

        Raises:
            VideoFinalError: the video was cancelled or closed meanwhile.
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
        due = self._profiles.get(video.user_id).due
        spent = Spent(videos=1, claude=due, runway=spending.cost)
        counts = {
            "profile": self._profiles.count_write(video.user_id, now, videos=1, spending=spending, due=-due),
            "spending": self._limits.spending_write(shard_of(video.job_id, now), spent, now),
        }
        self._move(video, VideoStatus.COMPLETED, now, values, keys, counts)
        taken = now - video.created_at
        record({Metric.VIDEOS_COMPLETED: 1, Metric.SECONDS_TO_VIDEO: taken.total_seconds()})
        CompletionTimes(self._database).record(taken, now)

    def fail(self, user_id: str, job_id: str, error_code: str, error_message: str, now: datetime) -> VideoRecord:
        """Close the video, and a pending analysis, as failed. Idempotent: a final video stays unchanged."""
        video = self.get(user_id, job_id, consistent=True)
        if video.status.is_final:
            return video
        values: Item = {"error_code": error_code, "error_message": error_message, "queued_since": None}
        try:
            self._move(video, VideoStatus.FAILED, now, values)
        except VideoFinalError:
            return self.get(user_id, job_id, consistent=True)
        refused = error_code in _REFUSALS
        count(Metric.VIDEOS_REFUSED if refused else Metric.VIDEOS_FAILED, reason=error_code)
        self.fail_pending_analysis(video, error_code)
        return self.get(user_id, job_id, consistent=True)

    def cancel(self, user_id: str, job_id: str, now: datetime) -> VideoRecord:
        """Cancel the video. Idempotent.

        Raises:
            VideoFinalError: the video is completed or failed.
            VideoNotFoundError: the user has no video with this id.
        """
        video = self.get(user_id, job_id, consistent=True)
        if not video.status.is_final:
            with suppress(VideoFinalError):  # became final meanwhile; the next read returns how
                self._move(video, VideoStatus.CANCELLED, now, {"queued_since": None})
                count(Metric.VIDEOS_CANCELLED)
            video = self.get(user_id, job_id, consistent=True)
        if video.status is not VideoStatus.CANCELLED:
            raise VideoFinalError
        return video

    def fail_pending_analysis(self, video: VideoRecord, error_code: str) -> None:
        """Mark the analysis of the video's dream as failed, unless it is completed. Idempotent."""
        try:
            write = self._dreams.fail_analysis_write(video.user_id, video.dream_id, error_code)
            self._database.transact_write(Transaction().add("dream", write))
        except TransactionRefusedError:
            return  # already analyzed, or deleted

    def _move(
        self,
        video: VideoRecord,
        status: VideoStatus,
        now: datetime,
        values: Item,
        dream_values: Item | None = None,
        count_writes: Mapping[str, Write] | None = None,
    ) -> None:
        """Change the status; no other method does.

        A final status releases the quotas in the same transaction: the concurrent slot always, the daily quotas only
        if no render was requested. They cannot be released twice: a second transaction finds the video final.

        Raises:
            VideoFinalError: the video is already final or deleted, or its account is being erased.
            ContentionError: the row kept changing.
        """
        count_writes = count_writes or {}
        dream_copy: Item = {"video_status": status, "video_error": values.get("error_code"), "queued_since": None}
        dream_copy |= dream_values or {}
        copy_write = self._dreams.copy_video_write(video.user_id, video.dream_id, video.job_id, dream_copy)
        for _ in range(_MAX_ATTEMPTS):
            transaction = Transaction().add("video", self._status_write(video, status, now, values))
            transaction.add_all({**count_writes, **self._undelivered_writes(video, status, now)})
            # Optional: a newer video of the dream may own the copy; a counter may have expired or been erased.
            transaction.add_optional({"dream": copy_write, **self._release_writes(video, status)})
            try:
                self._database.transact_write(transaction)
            except TransactionRefusedError as refused:
                if refused.failed & count_writes.keys():
                    raise VideoFinalError from None  # the account is being erased
                if "video" not in refused.failed:
                    raise
                video = self._reload_open(video)  # a render was requested, or its request withdrawn, meanwhile
            else:
                return
        raise ContentionError

    def _status_write(self, video: VideoRecord, status: VideoStatus, now: datetime, values: Item) -> Write:
        final = {"open_mark": None, "output_url": None, "expected_seconds": None} if status.is_final else {}
        update = build_update({**values, **final, "status": status, "updated_at": to_text(now)})
        update |= {"TableName": self._table, "Key": row_key(video.user_id, video.job_id)}
        update["ConditionExpression"] = _NOT_FINAL
        if status.is_final:
            # The released quotas and the counted cost depend on these.
            for name, value in (
                ("render_requested_at", video.render_requested_at),
                ("provider_task_id", video.provider_task_id),
            ):
                exists = "attribute_not_exists" if value is None else "attribute_exists"
                update["ConditionExpression"] += f" AND {exists}({name})"
        update["ExpressionAttributeValues"] |= _OPEN_STATES
        return {"Update": update}

    def _release_writes(self, video: VideoRecord, status: VideoStatus) -> dict[str, Write]:
        if not status.is_final or video.reservation is None:
            return {}
        render_requested = video.render_requested_at is not None
        daily = {} if render_requested else self._limits.release_daily_writes(video.user_id, video.reservation)
        return self._limits.release_concurrent_writes(video.user_id) | daily

    def _undelivered_writes(self, video: VideoRecord, status: VideoStatus, now: datetime) -> dict[str, Write]:
        """Return the write that counts a render that was accepted and not delivered: providers charge for most."""
        if status not in (VideoStatus.FAILED, VideoStatus.CANCELLED) or not video.credits:
            return {}
        spent = Spent(runway=micros_of_credits(video.credits))
        return {"spending": self._limits.spending_write(shard_of(video.job_id, now), spent, now)}

    def _reload_open(self, video: VideoRecord) -> VideoRecord:
        try:
            current = self.get(video.user_id, video.job_id, consistent=True)
        except VideoNotFoundError:
            raise VideoFinalError from None
        if current.status.is_final:
            raise VideoFinalError
        return current

    def _update_if(self, condition: str, user_id: str, job_id: str, values: Item, now: datetime) -> bool:
        states = _OPEN_STATES if condition == _NOT_FINAL else None
        try:
            self._update(user_id, job_id, values, now, condition, states)
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
        write = self._update_write(user_id, job_id, values, now, condition, condition_values)
        self._database.client.update_item(**write["Update"])

    def _update_write(
        self, user_id: str, job_id: str, values: Item, now: datetime, condition: str, condition_values: Item | None
    ) -> Write:
        update = build_update({**values, "updated_at": to_text(now)})
        update |= {"TableName": self._table, "Key": row_key(user_id, job_id), "ConditionExpression": condition}
        if "#status" in condition:
            update["ExpressionAttributeNames"]["#status"] = "status"
        update["ExpressionAttributeValues"] |= condition_values or {}
        return {"Update": update}
