"""Why a video was not made, as a closed list for programs."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class ErrorCode(StrEnum):
    """Why a video failed or was cancelled."""

    ANALYSIS_REFUSED = "analysis_refused"
    ANALYSIS_FAILED = "analysis_failed"
    MODERATION = "moderation"
    PROVIDER_BUSY = "provider_busy"
    PROVIDER_FAILED = "provider_failed"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    OUTCOME_UNKNOWN = "outcome_unknown"
    TIMED_OUT = "timed_out"
    UNPLAYABLE = "unplayable"
    STORAGE_FAILED = "storage_failed"
    CANCELLED = "cancelled"
    WORKFLOW_FAILED = "workflow_failed"

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        """Add the meaning of each code to the description of the schema."""
        schema = handler(core_schema)
        meanings = (f"- `{code}`: {each.title}. {each.advice}" for code, each in EXPLANATIONS.items())
        handler.resolve_ref_schema(schema)["description"] = "\n".join((f"{cls.__doc__}\n", *meanings))
        return schema


class Explanation(NamedTuple):
    """What a code means, what a client should do, and whether the same request may succeed when it is repeated."""

    title: str
    advice: str
    retryable: bool


EXPLANATIONS: Final[Mapping[ErrorCode, Explanation]] = {
    ErrorCode.ANALYSIS_REFUSED: Explanation(
        "The dream was refused for its content before a video was requested",
        "Ask the user to describe the dream differently.",
        retryable=False,
    ),
    ErrorCode.ANALYSIS_FAILED: Explanation("The dream could not be analyzed", "Offer to try again.", retryable=True),
    ErrorCode.MODERATION: Explanation(
        "The video provider's content rules do not allow the video",
        "Ask the user for another dream or another `video_prompt`.",
        retryable=False,
    ),
    ErrorCode.PROVIDER_BUSY: Explanation(
        "A provider has no capacity or cannot be reached", "Offer to try again in a few minutes.", retryable=True
    ),
    ErrorCode.PROVIDER_FAILED: Explanation(
        "The video provider could not make the video",
        "Offer to try again. If `retryable` is false, the provider rejects the prompt itself: offer to change it.",
        retryable=True,
    ),
    ErrorCode.PROVIDER_UNAVAILABLE: Explanation(
        "A provider does not accept the service's key, or its credits are used up",
        "Offer to try again later: the operator has to act first.",
        retryable=True,
    ),
    ErrorCode.OUTCOME_UNKNOWN: Explanation(
        "The video provider's answer was lost, so a video may have been paid for",
        "Offer to try again; it counts as another video.",
        retryable=True,
    ),
    ErrorCode.TIMED_OUT: Explanation(
        "The video took too long and was stopped", "Offer to try again later.", retryable=True
    ),
    ErrorCode.UNPLAYABLE: Explanation(
        "The provider delivered a file that is not a playable video", "Offer to try again.", retryable=True
    ),
    ErrorCode.STORAGE_FAILED: Explanation(
        "The finished video could not be fetched or stored", "Offer to try again.", retryable=True
    ),
    ErrorCode.CANCELLED: Explanation("The user cancelled the video", "Offer to make it after all.", retryable=True),
    ErrorCode.WORKFLOW_FAILED: Explanation(
        "An error of the service itself", "Offer to try again; if it persists, report the `job_id`.", retryable=True
    ),
}
