"""Object keys of the media bucket."""

import re
import secrets

UPLOAD_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png"}


_TOKEN_BYTES = 16  # 128 random bits


_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


_PUBLIC = "thumbnails/"


def new_media_token() -> str:
    """The unguessable part of a thumbnail's key: 128 random bits, safe in a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def video_key(user_id: str, job_id: str) -> str:
    return f"videos/{_checked(user_id)}/{_checked(job_id)}.mp4"


def thumbnail_key(token: str, job_id: str) -> str:
    return f"thumbnails/{_checked(token)}/{_checked(job_id)}.jpg"


def preview_key(token: str, job_id: str) -> str:
    return f"thumbnails/{_checked(token)}/{_checked(job_id)}.webp"


def user_folders(user_id: str) -> tuple[str, ...]:
    """The folders in which everything is one user's. Whoever stores under another one of a user adds it here."""
    return (f"videos/{_checked(user_id)}/", f"uploads/{_checked(user_id)}/")


def upload_key(user_id: str, dream_id: str, upload_id: str, token: str, content_type: str) -> str:
    """Says by itself which picture is made of the upload, even when no row knows of it any more."""
    folder = f"uploads/{_checked(user_id)}/{_checked(dream_id)}/{_checked(upload_id)}"
    return f"{folder}/{_checked(token)}{UPLOAD_SUFFIXES[content_type]}"


def image_key(token: str, upload_id: str, content_type: str) -> str:
    return f"{_PUBLIC}{_checked(token)}/{_checked(upload_id)}{UPLOAD_SUFFIXES[content_type]}"


def public_url(base_url: str, key: str) -> str:
    """The address of a picture at the CDN, whose root is the folder of the pictures: nothing else is in its reach.

    Raises ValueError for a key of anything but a picture.
    """
    if not key.startswith(_PUBLIC):
        raise ValueError("only pictures have a public address")
    return f"{base_url.rstrip('/')}/{key.removeprefix(_PUBLIC)}"


def _checked(part: str) -> str:
    """One segment of a key. Raises ValueError for anything that could reach into another folder."""
    if not _ID.fullmatch(part):
        raise ValueError("a media key is made of ids only")
    return part
