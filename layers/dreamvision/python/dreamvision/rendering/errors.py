"""Errors of the renderer, apart from the HTTP client that raises them."""

from typing import Final

from dreamvision.core.errors import DreamVisionError


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

    default_message = "The video provider rejected the API key."
    user_message = "Videos are not available right now. Please try again later."


class RenderBusyError(DreamVisionError):
    """The provider turned the request away for now (429, 503); nothing was created, so it may be retried."""

    default_message = "The video provider is busy; no render was created."
    user_message = "The video service is busy right now. Please try again later."


class RenderUnreachableError(DreamVisionError):
    """No connection came about, so nothing was sent and nothing created; it may be retried."""

    default_message = "The video provider could not be reached; nothing was sent."
    user_message = "The video service could not be reached. Please try again later."


class RenderOutcomeUnknownError(DreamVisionError):
    """The request was sent and no usable answer came back: a paid render may exist, so this is never retried."""

    default_message = "The video provider's response was lost; a render may have been created."
    user_message = "The video service did not respond. Please try again later."


class RenderStatusUnavailableError(DreamVisionError):
    """The state of a render could not be read this time; the render itself goes on."""

    default_message = "The status of the render could not be read."
    user_message = "The video service did not respond. Please try again later."


class RenderCancelUnconfirmedError(DreamVisionError):
    """The provider did not confirm the cancellation; asking again is harmless."""

    default_message = "The video provider did not confirm the cancellation."
    user_message = "The video could not be cancelled. Please try again."


class RenderTaskLostError(DreamVisionError):
    """The provider no longer knows the render (it was deleted or never existed)."""

    default_message = "The video provider no longer has this render."
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
