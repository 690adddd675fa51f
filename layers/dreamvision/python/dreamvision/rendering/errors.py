"""Renderer errors, kept out of the module that imports the HTTP client."""

from typing import Final

from dreamvision.core.errors import DreamVisionError


class RenderRejectedError(DreamVisionError):
    """The provider rejected the request as invalid. Nothing was created; the same request would be rejected again."""

    default_message = "The video provider rejected the render request."
    user_message = "This dream could not be turned into a video. Please try describing it differently."


class RenderCreditsError(DreamVisionError):
    """Our account at the provider has no credits left. Nothing was created."""

    default_message = "The video provider account is out of credits."
    user_message = "Videos are not available right now. Please try again later."
    needs_operator = True


class RenderKeyError(DreamVisionError):
    """The provider does not accept our key. Nothing was created."""

    default_message = "The video provider rejected the API key."
    user_message = "Videos are not available right now. Please try again later."
    needs_operator = True


class RenderBusyError(DreamVisionError):
    """The provider declined the request for now (429, 503). Nothing was created, so it may be retried."""

    default_message = "The video provider is busy; no render was created."
    user_message = "The video service is busy right now. Please try again later."


class RenderUnreachableError(DreamVisionError):
    """No connection was established, so nothing was sent and nothing created. It may be retried."""

    default_message = "The video provider could not be reached; nothing was sent."
    user_message = "The video service could not be reached. Please try again later."


class RenderOutcomeUnknownError(DreamVisionError):
    """The request was sent but no usable response arrived. A paid render may exist, so this is never retried."""

    default_message = "The video provider's response was lost; a render may have been created."
    user_message = "The video service did not respond. Please try again later."


class RenderStatusUnavailableError(DreamVisionError):
    """The state of a render could not be read this time. The render itself continues."""

    default_message = "The status of the render could not be read."
    user_message = "The video service did not respond. Please try again later."


class RenderCancelUnconfirmedError(DreamVisionError):
    """The provider did not confirm the cancellation. Repeating it is harmless."""

    default_message = "The video provider did not confirm the cancellation."
    user_message = "The video could not be cancelled. Please try again."


class RenderTaskLostError(DreamVisionError):
    """The provider does not know the render: it was deleted or never existed."""

    default_message = "The video provider no longer has this render."
    user_message = "This video is no longer available. Please create it again."


class RenderDeadlineError(DreamVisionError):
    """The render did not finish within the time that a user is asked to wait."""

    default_message = "The render did not finish before its deadline."
    user_message = "The video took too long and was stopped. Please try again."


class RenderFailedError(DreamVisionError):
    """The provider accepted the render but could not finish it."""

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
    """The provider reported success but delivered no video."""

    default_message = "The render succeeded with no output."
    user_message = "The video could not be created. Please try again."


RENDER_ERRORS: Final[tuple[type[DreamVisionError], ...]] = (
    RenderRejectedError,
    RenderCreditsError,
    RenderKeyError,
    RenderBusyError,
    RenderUnreachableError,
    RenderOutcomeUnknownError,
    RenderStatusUnavailableError,
    RenderCancelUnconfirmedError,
    RenderTaskLostError,
    RenderDeadlineError,
    RenderFailedError,
    RenderModerationError,
    RenderCancelledError,
    RenderEmptyOutputError,
)
"""Every error of this module."""
