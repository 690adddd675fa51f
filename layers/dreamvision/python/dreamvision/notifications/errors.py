"""Errors of Expo's push service. Each says whether a notification may have been sent."""

from dreamvision.core.errors import DreamVisionError


class PushUnavailableError(DreamVisionError):
    """The service cannot be reached, is busy or failed. Nothing was sent; a retry may help."""

    default_message = "Expo's push service accepted nothing."


class PushAccessError(PushUnavailableError):
    """The service requires an access token, or refuses the one that it got. Nothing was sent."""

    default_message = "Expo's push service refused the access token."
    needs_operator = True


class PushRefusedError(DreamVisionError):
    """The service refuses the request for its content. Nothing was sent; a retry does not help."""

    default_message = "Expo's push service refused the request."


class PushOutcomeUnknownError(DreamVisionError):
    """The response was lost or is unreadable. The notifications may have been sent."""

    default_message = "It is unknown whether Expo's push service accepted the notifications."
