"""What can be wrong with a downloaded video. Apart from the code that finds it, which is too heavy for most."""

from dreamvision.errors import DreamVisionError


class NotAVideoError(DreamVisionError):
    """The file is not an MP4 that players can play to its end."""

    default_message = "The file is not a playable MP4 video."
    user_message = "The video could not be used. Please try again."


class VideoTruncatedError(NotAVideoError):
    """The file announces more video than it holds."""

    default_message = "The video ends before its announced end."
    user_message = "The video arrived incomplete. Please try again."


class VideoUnsuitableError(DreamVisionError):
    """A real video, but longer or larger in pixels than anything that the product asks for."""

    default_message = "The video is longer or larger than allowed."
    user_message = "The video could not be used. Please try again."
