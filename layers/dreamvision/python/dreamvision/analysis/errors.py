"""Dream analysis errors, kept out of the module that imports the SDK."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dreamvision.core.errors import DreamVisionError


class AnalysisError(DreamVisionError):
    """The dream could not be analyzed."""

    default_message = "The dream could not be analyzed."
    user_message = "Your dream could not be analyzed. Please try again."


class DreamRefusedError(AnalysisError):
    """The model refused the dream for safety reasons. The same dream would be refused again."""

    default_message = "The model declined to process the dream."
    user_message = "This dream could not be turned into a video because of its content. Please describe it differently."


class AnalysisTruncatedError(AnalysisError):
    """The output was cut off at the token limit."""

    default_message = "The model's output was cut off at the token limit."
    user_message = "Your dream could not be analyzed completely. Please try again with a shorter description."


class AnalysisInvalidError(AnalysisError):
    """The output broke the rules, and so did the output of the repair turn."""

    default_message = "The model's output failed validation, and so did its correction."
    user_message = "Your dream could not be turned into a video prompt. Please try again or describe it differently."


class ClaudeProtocolError(AnalysisError):
    """The response is not a valid Messages API response: a proxy's error page, broken JSON, missing fields."""

    default_message = "The analysis service sent a response that cannot be parsed."
    user_message = "The dream analysis service is not working properly right now. Please try again later."


class ClaudeOverloadedError(AnalysisError):
    """The service is at capacity. ``retry_after_seconds`` is its ``Retry-After`` value, ``None`` if it sent none."""

    default_message = "The analysis service is overloaded."
    user_message = "The dream analysis service is very busy right now. Please try again in a minute."

    def __init__(self, message: str | None = None, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ClaudeTimeoutError(AnalysisError):
    """No usable response arrived in time."""

    default_message = "The analysis service did not respond in time."
    user_message = "Analyzing your dream took too long. Please try again."


class ClaudeUnreachableError(AnalysisError):
    """The connection failed or broke."""

    default_message = "The analysis service cannot be reached."
    user_message = "The dream analysis service cannot be reached right now. Please try again later."


class ClaudeKeyError(AnalysisError):
    """The key is missing, malformed, wrong or lacks permission. An operator has to act."""

    default_message = "The analysis service rejected the configured key."
    user_message = "Dream analysis is not available right now. Please try again later."
    needs_operator = True


class ClaudeBillingError(AnalysisError):
    """The account is out of credit or at its spend limit. An operator has to act; waiting does not help."""

    default_message = "The analysis service's account is out of credit or at its spend limit."
    user_message = "Dream analysis is not available right now. Please try again later."
    needs_operator = True


class ClaudeRequestError(AnalysisError):
    """The service rejects our request itself, for example because the model was retired. The fault is ours."""

    default_message = "The analysis service rejected the request; check the configured model."
    user_message = "Dream analysis is not available right now. Please try again later."
    needs_operator = True


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
"""Every analysis error by name, as a dream's row and the state machine store it."""


def analysis_error(name: str | None) -> AnalysisError:
    """Return the error with this name, or a plain ``AnalysisError`` for an unknown one."""
    return ANALYSIS_ERRORS.get(name or "", AnalysisError)()
