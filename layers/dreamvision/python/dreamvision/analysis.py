"""What an analysed dream is, what may be accepted as one, and what can go wrong on the way to it.

Knows nothing of the provider's client library, so that functions which only handle the outcome need not import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from dreamvision.errors import DreamVisionError


class Category(StrEnum):
    """The six cinematic categories; the values are what the API and the tables carry."""

    GOTHIC = "gothic"
    CHASE = "chase"
    FLIGHT = "flight"
    TRANSFORMATION = "transformation"
    PHYSICS = "physics"
    LIMINAL = "liminal"


TEMPLATE_NAMES: Final[Mapping[Category, str]] = MappingProxyType(
    {
        Category.GOTHIC: "GOTHIC",
        Category.CHASE: "CHASE",
        Category.FLIGHT: "FLIGHT",
        Category.TRANSFORMATION: "TRANSFORMATION",
        Category.PHYSICS: "PHYSICS",
        Category.LIMINAL: "LIMINAL",
    }
)


@dataclass(frozen=True, slots=True)
class Analysis:
    """A dream's category and video prompt, checked, with what it took to get them.

    ``confidence`` is 0..1. The token counts cover every request that the analysis needed. ``model`` is the id that
    the provider reported, which may carry a release date.
    """

    category: Category
    template_used: str
    confidence: float
    video_prompt: str
    input_tokens: int
    output_tokens: int
    model: str


class Analyst(Protocol):
    """Whatever turns a dream's text into an analysis. Raises ``AnalysisError``."""

    def analyze(self, dream_text: str, *, budget_seconds: float | None = None) -> Analysis: ...


class AnalysisError(DreamVisionError):
    """The dream could not be analysed."""

    default_message = "The dream could not be analysed."
    user_message = "Your dream could not be analysed. Please try again."


class DreamRefusedError(AnalysisError):
    """The model declined the dream for safety. The same dream would be declined again."""

    default_message = "The model declined to work on the dream."
    user_message = "This dream could not be turned into a video because of its content. Please describe it differently."


class AnalysisTruncatedError(AnalysisError):
    """The answer was cut off at the token limit."""

    default_message = "The model's answer was cut off at the token limit."
    user_message = "Your dream could not be analysed completely. Please try again with a shorter description."


class AnalysisInvalidError(AnalysisError):
    """The answer broke the rules, and so did the one after the repair turn."""

    default_message = "The model's answer broke the rules, and so did its correction."
    user_message = "No usable video prompt came out of your dream. Please try again or describe it differently."


class ClaudeProtocolError(AnalysisError):
    """A reply that is no reply of the Messages API at all: a proxy's page, broken JSON, missing parts."""

    default_message = "The analysis service sent a reply that cannot be understood."
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

    default_message = "The analysis service did not answer in time."
    user_message = "Analysing your dream took too long. Please try again."


class ClaudeUnreachableError(AnalysisError):
    """No connection, or one that broke."""

    default_message = "The analysis service cannot be reached."
    user_message = "The dream analysis service cannot be reached right now. Please try again later."


class ClaudeKeyError(AnalysisError):
    """The key is missing, malformed, wrong or without permission: an operator has to act."""

    default_message = "The analysis service does not accept the configured key."
    user_message = "Dream analysis is not available right now. Please try again later."


class ClaudeBillingError(AnalysisError):
    """The account's credit or spend limit is used up: an operator has to act, waiting does not help."""

    default_message = "The analysis service's account is out of credit or at its spend limit."
    user_message = "Dream analysis is not available right now. Please try again later."


class ClaudeRequestError(AnalysisError):
    """The service refuses our request as such, for instance because the model was retired: our fault."""

    default_message = "The analysis service refuses the request; check the configured model."
    user_message = "Dream analysis is not available right now. Please try again later."
