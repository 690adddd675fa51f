"""Errors of media processing, kept out of the modules that import FFmpeg, Pillow and the HTTP client."""

from collections.abc import Mapping
from typing import Final

from dreamvision.core.errors import DreamVisionError


class NotAVideoError(DreamVisionError):
    """The file is not an MP4 that players can play to the end."""

    default_message = "The file is not a playable MP4 video."
    user_message = "The video could not be used. Please try again."


class VideoTruncatedError(NotAVideoError):
    """The file declares more video than it contains."""

    default_message = "The video file is truncated."
    user_message = "The video was incomplete. Please try again."


class VideoUnsuitableError(DreamVisionError):
    """The video is valid, but longer or larger in pixels than anything that the product requests."""

    default_message = "The video is longer or larger than allowed."
    user_message = "The video could not be used. Please try again."


class ImageRejectedError(DreamVisionError):
    """The upload is not an acceptable image. A retry with the same file fails again."""

    default_message = "The image was rejected."
    user_message = "This image could not be used. Please choose another one."


class ImageTooLargeError(ImageRejectedError):
    """The upload exceeds the size limit in bytes."""

    default_message = "The image file is too large."
    user_message = "The image is larger than 5 MB. Please choose a smaller one."


class ImageMalformedError(ImageRejectedError):
    """The file is not a complete and valid image of the declared type."""

    default_message = "The file is not a valid image of its type."
    user_message = "The file is not a valid JPEG or PNG image. Please choose another one."


class ImageDimensionsError(ImageRejectedError):
    """The image is too small to be shown, or too large to be decoded safely."""

    default_message = "The image's dimensions are out of bounds."
    user_message = "The image must be 64 to 8,192 pixels wide and high, with at most 40 megapixels."


class PolyglotImageError(ImageRejectedError):
    """The file contains data that is not part of the image, after its end or in its metadata."""

    default_message = "The file contains more than an image."
    user_message = "The file contains more than a plain image. Please save it as a plain JPEG or PNG."


class SourceForbiddenError(DreamVisionError):
    """The link, its address or a redirect is not allowed. A retry fails again."""

    default_message = "The video's source is not allowed."
    user_message = "The video could not be fetched."


class SourceExpiredError(DreamVisionError):
    """The link has expired (401, 403, 404, 410). The provider can issue a fresh one."""

    default_message = "The link to the video has expired."
    user_message = "The video could not be fetched. Please try again."


class SourceTruncatedError(DreamVisionError):
    """The connection ended before the whole video had arrived, or the body was empty."""

    default_message = "The video download was incomplete."
    user_message = "The video could not be fetched completely. Please try again."


class SourceTooLargeError(DreamVisionError):
    """The declared or received size exceeds the policy's limit."""

    default_message = "The video is larger than allowed."
    user_message = "The video is too large to be stored."


class SourceTooSlowError(DreamVisionError):
    """The source stalled, or the transfer took longer than the policy allows."""

    default_message = "The video's source was too slow."
    user_message = "The video could not be fetched in time. Please try again."


class SourceUnavailableError(DreamVisionError):
    """The source could not be reached or returned an error."""

    default_message = "The video's source is not available."
    user_message = "The video could not be fetched. Please try again."


class MediaUploadError(DreamVisionError):
    """S3 did not store the object; nothing of it remains there. May be retried."""

    default_message = "The media could not be stored."
    user_message = "The video could not be saved. Please try again."


class MediaReadError(DreamVisionError):
    """S3 did not return the object. May be retried."""

    default_message = "The media could not be read."
    user_message = "The image could not be read. Please try again."


class MediaDeletionError(DreamVisionError):
    """S3 did not delete every requested object. Repeating the deletion is harmless."""

    default_message = "Some media could not be deleted."
    user_message = "The video could not be deleted completely. Please try again."


ARCHIVE_ERRORS: Final[tuple[type[DreamVisionError], ...]] = (
    NotAVideoError,
    VideoTruncatedError,
    VideoUnsuitableError,
    SourceForbiddenError,
    SourceExpiredError,
    SourceTruncatedError,
    SourceTooLargeError,
    SourceTooSlowError,
    SourceUnavailableError,
    MediaUploadError,
    MediaDeletionError,
)
"""Every media error that archiving a video can end with."""

_REJECTIONS: Final[Mapping[str, type[ImageRejectedError]]] = {
    error.__name__: error
    for error in (ImageTooLargeError, ImageMalformedError, ImageDimensionsError, PolyglotImageError)
}


def rejection_message(error_name: str) -> str:
    """Return the user message of the rejection with this name; a general message for an unknown one."""
    return _REJECTIONS.get(error_name, ImageRejectedError).user_message
