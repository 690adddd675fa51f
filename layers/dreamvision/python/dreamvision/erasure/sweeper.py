"""Start unfinished erasures again: of executions that failed, timed out, were aborted or never started."""

from datetime import datetime, timedelta
from typing import NamedTuple

from aws_lambda_powertools import Logger

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.logging import log_unexpected
from dreamvision.erasure.open_erasures import OpenErasures
from dreamvision.erasure.workflow import ErasureWorkflow

# No function of the API runs longer than 29 s, so no request is still about to start the execution of an older erasure.
GRACE = timedelta(minutes=2)

logger = Logger()


class RestartIncompleteError(DreamVisionError):
    """Some erasures could not be started again; the next run tries again."""

    default_message = "Some unfinished erasures could not be started again."


class RestartResult(NamedTuple):
    """The number of open erasures, and the number of those started again."""

    checked: int
    restarted: int


def restart_unfinished(open_erasures: OpenErasures, workflow: ErasureWorkflow, now: datetime) -> RestartResult:
    """Start every open erasure that is older than ``GRACE`` and has no running execution. Idempotent.

    Raises:
        RestartIncompleteError: at least one could not be started; all others were.
    """
    checked = restarted = failed = 0
    for erasure in open_erasures.list_before(now - GRACE):
        checked += 1
        try:
            if not workflow.restart(erasure):
                continue
        except Exception as error:  # one failure must not keep the others unfinished
            failed += 1
            log_unexpected(logger, error)
            continue
        restarted += 1
        logger.warning("unfinished erasure started again", extra={"execution": erasure.execution})
    if failed:
        raise RestartIncompleteError
    return RestartResult(checked, restarted)
