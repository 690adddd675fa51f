"""What the product asks of a video provider, and everything that can go wrong while asking.

Imports nothing but the standard library, so that a function which only needs the names stays fast.

A render costs money from the moment it is accepted, so every error says which side of that line it is on: only
`RenderBusyError` and `RenderUnreachableError` prove that nothing was created, and only they may be retried.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from dreamvision.rendering.errors import (
    RenderCancelledError,
    RenderEmptyOutputError,
    RenderFailedError,
    RenderModerationError,
)

# Runway keeps what it has of a rendering for a day or two; then there is nothing to cancel or to delete.
RENDER_LIFETIME = timedelta(hours=48)


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

    `code` is the provider's failure code (upper-case words, at most 64 characters) or None.
    """

    kind: FailureKind
    code: str | None = None

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


_ERROR_BY_KIND: dict[FailureKind, type[RenderFailedError]] = {
    FailureKind.MODERATION: RenderModerationError,
    FailureKind.CANCELLED: RenderCancelledError,
    FailureKind.EMPTY_OUTPUT: RenderEmptyOutputError,
}
