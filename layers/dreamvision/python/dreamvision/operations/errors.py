"""Why a command is refused."""

from dreamvision.core.errors import DreamVisionError


class UserIsErasedError(DreamVisionError):
    """The user's erasure has begun."""

    default_message = "The user is being erased; nothing but the erasure may change them."


class ProfileMissingError(DreamVisionError):
    """The user has never signed in, or was erased meanwhile."""

    default_message = "The user has no profile yet; it exists after the first sign-in."


class OperationInProgressError(DreamVisionError):
    """Another operator's command is changing the same user."""

    default_message = "Another command is changing this user. Repeat yours in a moment."


class VideoOwnerUnknownError(DreamVisionError):
    """The owner of a video is unknown, because its execution no longer exists or never started."""

    default_message = "No execution with this id exists (any more). Pass the user_id as well."
