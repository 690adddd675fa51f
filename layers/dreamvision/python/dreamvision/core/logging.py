"""Log and report unexpected errors without their messages: libraries' messages may quote their input."""

import logging
import traceback
from typing import Protocol

from dreamvision.core.error_reports import report


class _Logger(Protocol):
    def error(self, msg: object, *, extra: dict[str, object]) -> None: ...


def frames_of(error: BaseException) -> list[str]:
    """Return the traceback, innermost frame last: ``file.py:12 function``. No message, no value, no source line."""
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in _frames(error)]


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__, limit=-12)


def log_unexpected(logger: "logging.Logger | _Logger", error: BaseException) -> None:
    """Log one line and report the error: the classes of it and its causes, and the stack frames; never messages."""
    classes = []
    current: BaseException | None = error
    while current is not None:
        classes.append(type(current).__name__)
        current = current.__cause__ or current.__context__
    logger.error("unexpected error", extra={"error": classes[0], "errors": classes, "frames": frames_of(error)})
    report(error)
