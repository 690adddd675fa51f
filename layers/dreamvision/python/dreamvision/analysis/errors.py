"""Errors of dream analysis, apart from the SDK client that raises them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dreamvision.core.errors import DreamVisionError


class AnalysisError(DreamVisionError):
    """The dream could not be analysed."""

    default_message = "The dream could not be analyzed."
    user_message = "Your dream could not be analyzed. Please try again."


class DreamRefusedError(AnalysisError):
    """The model declined the dream for safety. The same dream would be declined again."""

    default_message = "The model declined to process the dream."
    user_message = "This dream could not be turned into a video because of its content. Please describe it differently."


class AnalysisTruncatedError(AnalysisError):
    """The answer was cut off at the token limit."""

    default_message = "The model's output was cut off at the token limit."
    user_message = "Your dream could not be analyzed completely. Please try again with a shorter description."


class AnalysisInvalidError(AnalysisError):
    """The answer broke the rules, and so did the one after the repair turn."""

    default_message = "The model's output failed validation, and so did its correction."
    user_message = "Your dream could not be turned into a video prompt. Please try again or describe it differently."


class ClaudeProtocolError(AnalysisError):
    """A reply that is no reply of the Messages API at all: a proxy's page, broken JSON, missing parts."""

    default_message = "The analysis service sent a response that cannot be parsed."
    user_message = "The dream analysis service is not working properly right now. Please try again later."


class ClaudeOverloadedError(AnalysisError):
    """The service has no capacity for us right now. ``retry_after_seconds`` is its advice, where it gave one."""

    default_message = "The analysis service is overloaded."
    user_message = "The dream analysis service is very busy right now. Please try again in a minute."

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ClaudeTimeoutError(AnalysisError):
    """No usable answer in time."""

    default_message = "The analysis service did not respond in time."
    user_message = "Analyzing your dream took too long. Please try again."


class ClaudeUnreachableError(AnalysisError):
    """No connection, or one that broke."""

    default_message = "The analysis service cannot be reached."
    user_message = "The dream analysis service cannot be reached right now. Please try again later."


class ClaudeKeyError(AnalysisError):
    """The key is missing, malformed, wrong or without permission: an operator has to act."""

    default_message = "The analysis service rejected the configured key."
    user_message = "Dream analysis is not available right now. Please try again later."


class ClaudeBillingError(AnalysisError):
    """The account's credit or spend limit is used up: an operator has to act, waiting does not help."""

    default_message = "The analysis service's account is out of credit or at its spend limit."
    user_message = "Dream analysis is not available right now. Please try again later."


class ClaudeRequestError(AnalysisError):
    """The service refuses our request as such, for instance because the model was retired: our fault."""

    default_message = "The analysis service rejected the request; check the configured model."
    user_message = "Dream analysis is not available right now. Please try again later."


ANALYSIS_ERRORS: Final[Mapping[str, type[AnalysisError]]] = MappingProxyType(
    {
        error.__name__: error
        for error in (
            AnalysisError,
            DreamRefusedError,
            AnalysisTruncatedError,
            AnalysisInvalidError,
            ClaudeProtocolError,
            ClaudeOverloadedError,
            ClaudeTimeoutError,
            ClaudeUnreachableError,
            ClaudeKeyError,
            ClaudeBillingError,
            ClaudeRequestError,
        )
    }
)
"""Every analysis error by its name, which is what a dream's row and the state machine carry."""


def analysis_error(name: str | None) -> AnalysisError:
    """Return the error with this name, or a plain ``AnalysisError`` for an unknown one."""
    return ANALYSIS_ERRORS.get(name or "", AnalysisError)()
