"""The base class of every error that DreamVision raises on purpose."""

from collections.abc import Mapping, Sequence
from typing import Any


class DreamVisionError(Exception):
    """An expected error.

    The message is a fixed sentence: it may reach a log line and the state machine's history, so it never contains
    personal text, a provider's wording or a key.

    Attributes:
        user_message: the text that may be shown to the user.
        retry_after_seconds: when a retry makes sense, in seconds; ``None`` if the error does not know.
        needs_operator: whether an operator has to act (a provider's key or credit); an alarm counts these errors.
        problem_errors: the invalid values of the request, as ``{"loc": [...], "msg": ..., "code": ...}`` with limits.
    """

    default_message = "Something went wrong."
    user_message = "Something went wrong. Please try again."
    retry_after_seconds: float | None = None
    needs_operator = False
    problem_errors: Sequence[Mapping[str, Any]] = ()

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.default_message)


class UnexpectedError(DreamVisionError):
    """Replaces a library's error, whose message could quote its input."""

    default_message = "A task failed unexpectedly; see the log for the location."
