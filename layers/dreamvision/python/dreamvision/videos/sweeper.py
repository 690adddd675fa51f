"""Close videos whose execution never started or ended without closing them.

A request that dies between writing its rows and starting the execution leaves a pending video, which occupies one of
the user's concurrent slots. Closing every such video keeps the quotas exact after a crash.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from aws_lambda_powertools import Logger

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision.core.metrics import Metric, record
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.videos.failures import close_abandoned, record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import OpenVideo, VideoNotFoundError
from dreamvision.videos.workflow import VideoWorkflow, WorkflowUnavailableError

# No function of the API runs longer than 29 s, so no request is still processing an older video.
GRACE = timedelta(minutes=2)
_RUNNING = "RUNNING"

logger = Logger()


class SweepIncompleteError(DreamVisionError):
    """Some videos could not be closed; the next sweep tries again."""

    default_message = "Some open videos could not be closed."


class SweepResult(NamedTuple):
    """The number of open videos checked, and the number of those closed."""

    checked: int
    closed: int


def sweep(
    videos: VideoLifecycle, workflow: VideoWorkflow, renderer: Callable[[], VideoRenderer], now: datetime
) -> SweepResult:
    """Close every open video that is older than ``GRACE`` and has no running execution. Idempotent.

    A video whose render could not be cancelled stays open until the next sweep. The age of the oldest video that stays
    open is recorded, in seconds; 0 without one.

    Raises:
        SweepIncompleteError: at least one video could not be closed; all others were.
    """
    checked = closed = failed = 0
    oldest = timedelta()
    for video in videos.list_open(now - GRACE):
        checked += 1
        try:
            if _close(video, videos, workflow, renderer, now):
                closed += 1
                continue
        except VideoNotFoundError:
            continue  # deleted meanwhile
        except Exception as error:  # one failure must not keep the other videos open
            failed += 1
            logger.append_keys(job_id=video.job_id)
            log_unexpected(logger, error)
            logger.remove_keys(["job_id"])
        oldest = max(oldest, now - video.created_at)
    record({Metric.OLDEST_OPEN_VIDEO: oldest.total_seconds()})
    if failed:
        raise SweepIncompleteError
    return SweepResult(checked, closed)


def _close(
    video: OpenVideo,
    videos: VideoLifecycle,
    workflow: VideoWorkflow,
    renderer: Callable[[], VideoRenderer],
    now: datetime,
) -> bool:
    status = workflow.status(video.job_id)
    if status == _RUNNING:
        return False
    if status is None:
        record_failure(video.user_id, video.job_id, WorkflowUnavailableError.__name__, videos)
    else:
        record = videos.get(video.user_id, video.job_id, consistent=True)
        close_abandoned(record, status, videos, renderer, now)
    logger.info("closed an abandoned video", extra={"job_id": video.job_id, "execution_status": status or "none"})
    return True
