"""Takes a finished render into our own bucket: fetch, check, cut the pictures, store."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dreamvision.media.download import DownloadPolicy, fetch_video
from dreamvision.media.errors import MediaDeletionError, SourceExpiredError
from dreamvision.media.keys import new_media_token, preview_key, thumbnail_key, video_key
from dreamvision.media.storage import MediaStore
from dreamvision.media.video import VideoInspection, inspect_video


@dataclass(frozen=True, slots=True)
class ArchivedMedia:
    """Where the media lie in the bucket, and what they are: sizes in pixels and bytes, `duration` in seconds."""

    video_key: str
    thumbnail_key: str
    preview_key: str
    width: int
    height: int
    duration: float
    size_bytes: int
    codec: str
    thumbnail_width: int
    thumbnail_height: int


def archive_video(
    url: str,
    *,
    user_id: str,
    job_id: str,
    store: MediaStore,
    policy: DownloadPolicy,
    refresh_url: Callable[[], str],
    token: str | None = None,
    work_dir: Path | None = None,
) -> ArchivedMedia:
    """Archives the video behind `url`; on any failure nothing of it is left in the bucket.

    `refresh_url` is asked once for a fresh link when the first has expired. `token` names the thumbnail's folder: give
    the same one when trying again and a killed attempt leaves nothing behind. `work_dir` needs room for one video.

    Raises every error of `fetch_video`, `inspect_video` and `MediaStore.put_*`, and what `refresh_url` raises.
    """
    with tempfile.TemporaryDirectory(dir=work_dir, prefix="archive-") as folder:
        file = Path(folder) / "video.mp4"
        size = _fetch(url, file, policy, refresh_url)
        found = inspect_video(file)
        media = _describe(user_id, job_id, token or new_media_token(), size, found)
        _store(store, media, file, found.thumbnail.data, found.preview)
    return media


def _fetch(url: str, file: Path, policy: DownloadPolicy, refresh_url: Callable[[], str]) -> int:
    try:
        return _fetch_once(url, file, policy)
    except SourceExpiredError:
        return _fetch_once(refresh_url(), file, policy)


def _fetch_once(url: str, file: Path, policy: DownloadPolicy) -> int:
    with file.open("wb") as sink:
        return fetch_video(url, sink, policy=policy)


def _describe(user_id: str, job_id: str, token: str, size: int, found: VideoInspection) -> ArchivedMedia:
    return ArchivedMedia(
        video_key=video_key(user_id, job_id),
        thumbnail_key=thumbnail_key(token, job_id),
        preview_key=preview_key(token, job_id),
        width=found.facts.width,
        height=found.facts.height,
        duration=found.facts.duration,
        size_bytes=size,
        codec=found.facts.codec,
        thumbnail_width=found.thumbnail.width,
        thumbnail_height=found.thumbnail.height,
    )


def _store(store: MediaStore, media: ArchivedMedia, file: Path, thumbnail: bytes, preview: bytes) -> None:
    """Uploads the video last: its key is the one that counts, so there is never a video without its pictures."""
    try:
        store.put_thumbnail(media.thumbnail_key, thumbnail)
        store.put_preview(media.preview_key, preview)
        store.put_video(media.video_key, file)
    except BaseException as error:
        _delete(store, media, error)
        raise


def _delete(store: MediaStore, media: ArchivedMedia, error: BaseException) -> None:
    """Removes the pictures again. When that fails too, the first error is still the one to report."""
    try:
        store.delete_media((media.thumbnail_key, media.preview_key))
    except MediaDeletionError as deletion:
        error.add_note(str(deletion))
