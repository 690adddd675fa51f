"""Closing what nothing else will close: videos whose execution never came about, or ended without a word.

A request that dies between writing its rows and starting the execution leaves a pending video, which holds one of the
user's places. A clean end of every such video is what makes the quotas exact after a crash.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from aws_lambda_powertools import Logger

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision.rendering.renderer import VideoRenderer
from dreamvision.videos.failures import close_abandoned, record_failure
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import OpenVideo, VideoNotFoundError
from dreamvision.videos.workflow import VideoWorkflow, WorkflowUnavailableError

# A request that is still at work on a video is younger: no function of the API runs longer than 29 s.
GRACE = timedelta(minutes=2)
_RUNNING = "RUNNING"

logger = Logger()


class SweepIncompleteError(DreamVisionError):
    """Some videos could not be closed; the next sweep tries again."""

    default_message = "Some open videos could not be closed."


class SweepResult(NamedTuple):
    """How many open videos were looked at, and how many of them were closed."""

    checked: int
    closed: int


def sweep(
    videos: VideoLifecycle, workflow: VideoWorkflow, renderer: Callable[[], VideoRenderer], now: datetime
) -> SweepResult:
    """Close every open video that is older than ``GRACE`` and has no running execution. Twice is harmless.

    One whose rendering could not be stopped stays open, for the next sweep.

    Raises:
        SweepIncompleteError: at least one could not be closed; all the others were.
    """
    checked = closed = failed = 0
    for video in videos.list_open(now - GRACE):
        checked += 1
        try:
            closed += _close(video, videos, workflow, renderer, now)
        except VideoNotFoundError:
            continue  # deleted in this very moment
        except Exception as error:  # one bad video must not keep the others open
            failed += 1
            logger.append_keys(job_id=video.job_id)
            log_unexpected(logger, error)
            logger.remove_keys(["job_id"])
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
        found = videos.get(video.user_id, video.job_id, consistent=True)
        close_abandoned(found, status, videos, renderer, now)
    logger.info("closed an abandoned video", extra={"job_id": video.job_id, "execution_status": status or "none"})
    return True
