"""The port to a video provider: `VideoRenderer` and the values it exchanges.

Imports no third-party library, so a function that only needs the names starts fast.

A render costs money from the moment the provider accepts it, so every error states whether a render may exist. Only
`RenderBusyError` and `RenderUnreachableError` may be retried: nothing was created.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.rendering.errors import (
    RenderCancelledError,
    RenderEmptyOutputError,
    RenderFailedError,
    RenderModerationError,
)

# Runway keeps a task and its output for one to two days; after that there is nothing to cancel or delete.
RENDER_LIFETIME = timedelta(hours=48)


class RenderStatus(StrEnum):
    """The state of a render. THROTTLED: accepted, but waiting for a slot of the provider's concurrency limit."""

    QUEUED = "queued"
    THROTTLED = "throttled"
    RENDERING = "rendering"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the state can no longer change."""
        return self in (RenderStatus.SUCCEEDED, RenderStatus.FAILED)

    @property
    def is_waiting(self) -> bool:
        """Whether the provider has accepted the render but not started it: the time reported as `queued_since`."""
        return self in (RenderStatus.QUEUED, RenderStatus.THROTTLED)


class FailureKind(StrEnum):
    """Why an accepted render failed."""

    MODERATION = "moderation"
    BAD_OUTPUT = "bad_output"
    INVALID_INPUT = "invalid_input"
    PROVIDER = "provider"
    CANCELLED = "cancelled"
    EMPTY_OUTPUT = "empty_output"


@dataclass(frozen=True, slots=True)
class RenderFailure:
    """The cause of a failed render, without the provider's own text.

    `code` is the provider's failure code (upper-case words, at most 64 characters) or None.
    """

    kind: FailureKind
    code: str | None = None

    def to_error(self) -> "RenderFailedError":
        """Return the exception for this failure."""
        return _ERROR_BY_KIND.get(self.kind, RenderFailedError)()


@dataclass(frozen=True, slots=True)
class RenderTask:
    """An accepted render. `estimated_credits` is its maximum cost, or None if the provider gives none."""

    task_id: str
    estimated_credits: int | None = None


@dataclass(frozen=True, slots=True)
class RenderState:
    """A snapshot of a render: `progress` in percent (0-100), `output_urls` short-lived and set only after success.

    `credits` is the amount charged, known only at the end. `failure` is set if and only if the status is FAILED.
    """

    status: RenderStatus
    progress: int = 0
    output_urls: tuple[str, ...] = ()
    failure: RenderFailure | None = None
    credits: int | None = None


class VideoRenderer(Protocol):
    """A service that renders a video from a prompt."""

    def start(
        self,
        prompt: str,
        duration_seconds: int,
        aspect_ratio: AspectRatio = AspectRatio.LANDSCAPE,
        seed: int | None = None,
    ) -> RenderTask:
        """Start one paid render. ``seed`` is 0 to 4,294,967,295; a model that takes none ignores it.

        Raises:
            RenderRejectedError, RenderModerationError, RenderCreditsError, RenderKeyError: nothing was created.
            RenderBusyError, RenderUnreachableError: nothing was created; may be retried.
            RenderOutcomeUnknownError: a render may have been created; never retry.
        """

    def status(self, task_id: str) -> RenderState:
        """Return the current state of a render.

        Raises:
            RenderStatusUnavailableError: the state could not be read; may be retried.
            RenderTaskLostError: the provider does not know the render.
            RenderKeyError: the provider does not accept the key.
        """

    def cancel(self, task_id: str) -> None:
        """Stop a render. Idempotent: a render that no longer exists counts as stopped.

        Raises:
            RenderCancelUnconfirmedError: the provider did not confirm; may be retried.
            RenderKeyError: the provider does not accept the key.
        """


_ERROR_BY_KIND: dict[FailureKind, type[RenderFailedError]] = {
    FailureKind.MODERATION: RenderModerationError,
    FailureKind.CANCELLED: RenderCancelledError,
    FailureKind.EMPTY_OUTPUT: RenderEmptyOutputError,
}
