"""Object keys of the media bucket."""

import re
import secrets

UPLOAD_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}

_TOKEN_BYTES = 16  # 128 random bits
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PUBLIC_FOLDER = "thumbnails/"
_VIDEO_FOLDER = "videos/"


def new_media_token() -> str:
    """Return an unguessable part for the key of a thumbnail: 128 random bits, URL-safe."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def video_key(user_id: str, job_id: str) -> str:
    return f"{_VIDEO_FOLDER}{_validated(user_id)}/{_validated(job_id)}.mp4"


def thumbnail_key(token: str, job_id: str) -> str:
    return f"thumbnails/{_validated(token)}/{_validated(job_id)}.jpg"


def preview_key(token: str, job_id: str) -> str:
    return f"thumbnails/{_validated(token)}/{_validated(job_id)}.webp"


def user_folders(user_id: str) -> tuple[str, ...]:
    """Return the folders that belong to one user. Add here every new folder of a user."""
    return (f"videos/{_validated(user_id)}/", f"uploads/{_validated(user_id)}/")


def upload_key(user_id: str, dream_id: str, upload_id: str, token: str, content_type: str) -> str:
    """Return the key of an upload. It determines the key of the resulting image, even without a row."""
    folder = f"uploads/{_validated(user_id)}/{_validated(dream_id)}/{_validated(upload_id)}"
    return f"{folder}/{_validated(token)}{UPLOAD_SUFFIXES[content_type]}"


def image_key(token: str, upload_id: str, content_type: str) -> str:
    return f"{_PUBLIC_FOLDER}{_validated(token)}/{_validated(upload_id)}{UPLOAD_SUFFIXES[content_type]}"


def image_url(base_url: str, key: str) -> str:
    """Return the public URL of an image: the root of the distribution is the folder of the images.

    Raises:
        ValueError: the key is not that of an image.
    """
    if not key.startswith(_PUBLIC_FOLDER):
        raise ValueError("only images have a public address")
    return f"{base_url.rstrip('/')}/{key.removeprefix(_PUBLIC_FOLDER)}"


def video_url(base_url: str, key: str) -> str:
    """Return the unsigned URL of a video.

    Raises:
        ValueError: the key is not that of a video.
    """
    if not key.startswith(_VIDEO_FOLDER):
        raise ValueError("only videos have a signed address")
    return f"{base_url.rstrip('/')}/{key}"


def _validated(part: str) -> str:
    """Return one segment of a key.

    Raises:
        ValueError: the segment could lead into another folder.
    """
    if not _ID.fullmatch(part):
        raise ValueError("a media key consists of ids only")
    return part
