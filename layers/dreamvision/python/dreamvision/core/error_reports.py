"""Report unexpected errors to Sentry, if the stack has the address of a project (parameter ``SentryDsn``).

``core/sentry.py``, which imports the SDK, is loaded with the first report: a function that does not fail, or that has
no address, never imports it.
"""

import logging
import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from dreamvision.core.errors import DreamVisionError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Every report takes up to a second of the invocation; what fails again and again is known by then.
_MAX_REPORTS = 5

# Without Powertools, which the pre sign-up trigger does not import.
_logger = logging.getLogger(__name__)


class _Invocation:
    """The invocation that is running. Lambda runs one at a time in a process."""

    request_id = ""
    reports = 0


def reports_errors[Event, Result](
    handler: Callable[[Event, "LambdaContext"], Result],
) -> Callable[[Event, "LambdaContext"], Result]:
    """Decorate a Lambda handler: report what it raises, and send all reports before the process is frozen."""

    @wraps(handler)
    def reporting(event: Event, context: "LambdaContext") -> Result:
        _Invocation.request_id = str(getattr(context, "aws_request_id", ""))
        _Invocation.reports = 0
        try:
            return handler(event, context)
        except Exception as error:
            report(error)
            raise
        finally:
            if _Invocation.reports:
                _safely(lambda sentry: sentry.flush())

    return reporting


def report(error: BaseException) -> None:
    """Report an error, unless it is an expected one that no operator has to act on. Never raises.

    The report has the error's class and stack frames, the function and the request's id: see ``core/sentry.py``.
    """
    dsn = os.environ.get("SENTRY_DSN")
    if not dsn or (isinstance(error, DreamVisionError) and not error.needs_operator):
        return
    if _Invocation.reports < _MAX_REPORTS:
        _Invocation.reports += 1
        _safely(lambda sentry: sentry.capture(error, dsn, _Invocation.request_id))


def _safely(call: Callable[[Any], None]) -> None:
    try:
        from dreamvision.core import sentry

        call(sentry)
    except Exception as failure:
        # A missing layer or an invalid address must not change the function's result.
        _logger.warning("Error not reported: %s", type(failure).__name__)
