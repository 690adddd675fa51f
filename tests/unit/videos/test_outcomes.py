"""The error code of a video, whether to try again, and whether it was counted: from any row, old or new."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dreamvision.schemas.error_codes import ErrorCode
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.outcomes import DECIDED_AFTER, error_code_of, is_counted, is_retryable
from tests.permissions.roles import resources

START = datetime(2026, 11, 23, 3, 4, 5, tzinfo=UTC)
NOW = START + timedelta(seconds=30)
REQUESTED = {"render_requested_at": START}
ACCEPTED = {**REQUESTED, "provider_task_id": "task"}


def video(status: VideoStatus = VideoStatus.FAILED, **fields: Any) -> VideoRecord:
    """Return a row; with ``quota_day=None`` one from before videos were counted."""
    row: dict[str, Any] = {
        "user_id": "luna",
        "job_id": "job",
        "dream_id": "dream",
        "status": status,
        "duration": 5,
        "created_at": START,
        "updated_at": START,
        "media_token": "token",
        "quota_day": "2026-11-23",
    }
    return VideoRecord.model_validate(row | fields)


@pytest.mark.parametrize(
    ("stored", "code", "retryable"),
    [
        ("DreamRefusedError", ErrorCode.ANALYSIS_REFUSED, False),
        ("AnalysisInvalidError", ErrorCode.ANALYSIS_FAILED, True),
        ("ClaudeOverloadedError", ErrorCode.PROVIDER_BUSY, True),
        ("ClaudeBillingError", ErrorCode.PROVIDER_UNAVAILABLE, True),
        ("RenderModerationError", ErrorCode.MODERATION, False),
        ("RenderFailedError", ErrorCode.PROVIDER_FAILED, True),
        ("RenderRejectedError", ErrorCode.PROVIDER_FAILED, False),
        ("RenderOutcomeUnknownError", ErrorCode.OUTCOME_UNKNOWN, True),
        ("RenderDeadlineError", ErrorCode.TIMED_OUT, True),
        ("ExecutionTimedOut", ErrorCode.TIMED_OUT, True),
        ("VideoTruncatedError", ErrorCode.UNPLAYABLE, True),
        ("SourceExpiredError", ErrorCode.STORAGE_FAILED, True),
        ("Sandbox.Timedout", ErrorCode.WORKFLOW_FAILED, True),
        ("SomeNewError", ErrorCode.WORKFLOW_FAILED, True),
        (None, ErrorCode.WORKFLOW_FAILED, True),
    ],
)
def test_a_failed_video_has_a_code(stored: str | None, code: ErrorCode, retryable: bool) -> None:
    failed = video(error_code=stored)
    assert (error_code_of(failed), is_retryable(failed)) == (code, retryable)


def test_a_cancelled_video_has_a_code_and_others_have_none() -> None:
    cancelled = video(VideoStatus.CANCELLED)
    assert (error_code_of(cancelled), is_retryable(cancelled)) == (ErrorCode.CANCELLED, True)
    for status in (VideoStatus.PENDING, VideoStatus.PROCESSING, VideoStatus.COMPLETED):
        assert (error_code_of(video(status)), is_retryable(video(status))) == (None, None)


@pytest.mark.parametrize(
    ("status", "fields", "counted"),
    [
        # Nothing was requested: given back.
        (VideoStatus.FAILED, {}, False),
        (VideoStatus.CANCELLED, {}, False),
        # Requested and accepted: paid for.
        (VideoStatus.FAILED, ACCEPTED, True),
        (VideoStatus.CANCELLED, ACCEPTED, True),
        (VideoStatus.PROCESSING, ACCEPTED, True),
        (VideoStatus.COMPLETED, ACCEPTED, True),
        # The request may still be withdrawn.
        (VideoStatus.CANCELLED, REQUESTED, None),
        (VideoStatus.FAILED, {**REQUESTED, "error_code": "ExecutionAborted"}, None),
        # Its outcome will never be known.
        (VideoStatus.FAILED, {**REQUESTED, "error_code": "RenderOutcomeUnknownError"}, True),
        (VideoStatus.CANCELLED, {**REQUESTED, "updated_at": NOW - timedelta(minutes=5)}, True),
        # Not decided yet.
        (VideoStatus.PENDING, {}, None),
        (VideoStatus.PENDING, REQUESTED, None),
        # From before videos were counted.
        (VideoStatus.FAILED, {**ACCEPTED, "quota_day": None}, False),
    ],
)
def test_a_video_is_counted_from_its_request_on(
    status: VideoStatus, fields: dict[str, Any], counted: bool | None
) -> None:
    assert is_counted(video(status, **fields), NOW) is counted


def test_no_request_is_withdrawn_after_it_was_decided() -> None:
    timeout = resources()["GenerateVideoFunction"]["Properties"]["Timeout"]
    assert timeout < DECIDED_AFTER.total_seconds()
