"""What the product asks of a video provider, and everything that can go wrong while asking.

Imports nothing but the standard library, so that a function which only needs the names stays fast.

A render costs money from the moment it is accepted, so every error says which side of that line it is on: only
`RenderBusyError` and `RenderUnreachableError` prove that nothing was created, and only they may be retried.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from dreamvision.errors import DreamVisionError

# Runway keeps what it has of a rendering for a day or two; then there is nothing to cancel or to delete.
RENDERING_LIFETIME = timedelta(hours=48)


class RenderStatus(StrEnum):
    """Where a render is. THROTTLED is queued by the provider's own concurrency limit: accepted, waiting for a slot."""

    QUEUED = "queued"
    THROTTLED = "throttled"
    RENDERING = "rendering"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (RenderStatus.SUCCEEDED, RenderStatus.FAILED)

    @property
    def is_waiting(self) -> bool:
        """Accepted by the provider and not being worked on yet: the time that a person sees as `queued_since`."""
        return self in (RenderStatus.QUEUED, RenderStatus.THROTTLED)


class FailureKind(StrEnum):
    """Why a render that was accepted came to nothing."""

    MODERATION = "moderation"
    BAD_OUTPUT = "bad_output"
    INVALID_INPUT = "invalid_input"
    PROVIDER = "provider"
    CANCELLED = "cancelled"
    EMPTY_OUTPUT = "empty_output"


@dataclass(frozen=True, slots=True)
class RenderFailure:
    """A failed render, in our words; the provider's own text never gets this far.

    `code` is the provider's failure code (upper-case words, at most 64 characters) or None. `worth_another_try` says
    whether the same prompt may succeed when the person asks again; that is a new paid job, so nothing does it alone.
    """

    kind: FailureKind
    code: str | None = None
    worth_another_try: bool = True

    @property
    def is_moderation(self) -> bool:
        return self.kind is FailureKind.MODERATION

    def to_error(self) -> "RenderFailedError":
        """The exception to raise for this failure."""
        return _ERROR_BY_KIND.get(self.kind, RenderFailedError)()


@dataclass(frozen=True, slots=True)
class RenderTask:
    """An accepted render. `estimated_credits` is the most that it will cost, when the provider says so."""

    task_id: str
    estimated_credits: int | None = None


@dataclass(frozen=True, slots=True)
class RenderState:
    """One look at a render: `progress` in percent (0-100), `output_urls` short-lived and only after success.

    `credits` is what was charged, known at the end only; `failure` is set exactly when the status is FAILED.
    """

    status: RenderStatus
    progress: int = 0
    output_urls: tuple[str, ...] = ()
    failure: RenderFailure | None = None
    credits: int | None = None


class VideoRenderer(Protocol):
    """A service that makes a video out of a prompt."""

    def start(self, prompt: str, duration_seconds: int) -> RenderTask:
        """Begin one paid render.

        Raises RenderRejectedError, RenderModerationError, RenderCreditsError, RenderKeyError (nothing was created),
        RenderBusyError, RenderUnreachableError (nothing was created, may be retried), RenderOutcomeUnknownError
        (never to be retried).
        """

    def status(self, task_id: str) -> RenderState:
        """Look at a render. Raises RenderStatusUnavailableError (try again), RenderTaskLostError, RenderKeyError."""

    def cancel(self, task_id: str) -> None:
        """Stop a render; one that is already gone is fine. Raises RenderCancelUnconfirmedError, RenderKeyError."""


class RenderRejectedError(DreamVisionError):
    """The provider refused the request as invalid; nothing was created and the same request will be refused again."""

    default_message = "The video provider rejected the render request."
    user_message = "This dream could not be turned into a video. Please try describing it differently."


class RenderCreditsError(DreamVisionError):
    """Our account at the provider has no credits left; nothing was created."""

    default_message = "The video provider account is out of credits."
    user_message = "Videos are not available right now. Please try again later."


class RenderKeyError(DreamVisionError):
    """The provider does not accept our key; nothing was created."""

    default_message = "The video provider did not accept the API key."
    user_message = "Videos are not available right now. Please try again later."


class RenderBusyError(DreamVisionError):
    """The provider turned the request away for now (429, 503); nothing was created, so it may be retried."""

    default_message = "The video provider is busy and created nothing."
    user_message = "The video service is busy right now. Please try again later."


class RenderUnreachableError(DreamVisionError):
    """No connection came about, so nothing was sent and nothing created; it may be retried."""

    default_message = "The video provider could not be reached; nothing was sent."
    user_message = "The video service could not be reached. Please try again later."


class RenderOutcomeUnknownError(DreamVisionError):
    """The request was sent and no usable answer came back: a paid render may exist, so this is never retried."""

    default_message = "The video provider's answer was lost; a render may have been created."
    user_message = "The video service did not answer. Please try again later."


class RenderStatusUnavailableError(DreamVisionError):
    """The state of a render could not be read this time; the render itself goes on."""

    default_message = "The state of the render could not be read."
    user_message = "The video service did not answer. Please try again later."


class RenderCancelUnconfirmedError(DreamVisionError):
    """The provider did not confirm the cancellation; asking again is harmless."""

    default_message = "The video provider did not confirm the cancellation."
    user_message = "The video could not be cancelled. Please try again."


class RenderTaskLostError(DreamVisionError):
    """The provider no longer knows the render (it was deleted or never existed)."""

    default_message = "The video provider no longer knows this render."
    user_message = "This video is no longer available. Please create it again."


class RenderDeadlineError(DreamVisionError):
    """The render did not finish in the time that a person is asked to wait."""

    default_message = "The render did not finish before its deadline."
    user_message = "The video took too long and was stopped. Please try again."


class RenderFailedError(DreamVisionError):
    """The provider accepted the render and could not finish it."""

    default_message = "The video provider could not finish the render."
    user_message = "The video could not be created. Please try again."


class RenderModerationError(RenderFailedError):
    """The provider's content moderation stopped the render. Repeating it costs money and endangers the account."""

    default_message = "The video provider's moderation stopped the render."
    user_message = "The video service's content rules do not allow this dream. Please describe it differently."


class RenderCancelledError(RenderFailedError):
    """The render was cancelled at the provider."""

    default_message = "The render was cancelled."
    user_message = "The video was cancelled."


class RenderEmptyOutputError(RenderFailedError):
    """The provider reported success and delivered no video."""

    default_message = "The render succeeded without any output."
    user_message = "The video could not be created. Please try again."


_ERROR_BY_KIND: dict[FailureKind, type[RenderFailedError]] = {
    FailureKind.MODERATION: RenderModerationError,
    FailureKind.CANCELLED: RenderCancelledError,
    FailureKind.EMPTY_OUTPUT: RenderEmptyOutputError,
}

# Prefixes of Runway's failure codes (docs.dev.runwayml.com/errors/task-failures). The list is open, so the longest
# known prefix decides and a code that nobody has seen is the provider's own trouble. Second value: worth another try.
_FAILURE_CODES: tuple[tuple[str, FailureKind, bool], ...] = (
    ("INPUT_PREPROCESSING.SAFETY", FailureKind.MODERATION, False),
    ("SAFETY", FailureKind.MODERATION, False),
    ("INTERNAL.BAD_OUTPUT", FailureKind.BAD_OUTPUT, True),
    ("ASSET", FailureKind.INVALID_INPUT, False),
)

_CODE_SHAPE = re.compile(r"[A-Z0-9_]+(?:\.[A-Z0-9_]+)*")
_MAX_CODE_LENGTH = 64


def failure_from_code(code: object) -> RenderFailure:
    """Reads a provider's failure code (`SAFETY.INPUT.TEXT`, may be missing) into a failure of ours, by prefix.

    Anything that is not shaped like a code is dropped, because codes are stored and logged and texts must not be.
    """
    if not isinstance(code, str) or len(code) > _MAX_CODE_LENGTH or not _CODE_SHAPE.fullmatch(code):
        return RenderFailure(FailureKind.PROVIDER)
    for prefix, kind, worth_another_try in _FAILURE_CODES:
        if code == prefix or code.startswith(f"{prefix}."):
            return RenderFailure(kind, code, worth_another_try)
    return RenderFailure(FailureKind.PROVIDER, code)
