"""Archive a finished render in our own bucket: download, validate, extract the images, store."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from dreamvision.media.download import DownloadPolicy, fetch_video
from dreamvision.media.errors import MediaDeletionError
from dreamvision.media.keys import new_media_token, preview_key, thumbnail_key, video_key
from dreamvision.media.storage import MediaStore
from dreamvision.media.video import VideoInspection, inspect_video


@dataclass(frozen=True, slots=True)
class ArchivedMedia:
    """The bucket keys and properties of the media: sizes in pixels and bytes, `duration` in seconds."""

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
    token: str | None = None,
    work_dir: Path | None = None,
) -> ArchivedMedia:
    """Archive the video at `url`. After a failure nothing of it remains in the bucket.

    `token` names the thumbnail's folder: a retry with the same token overwrites what a killed attempt left. `work_dir`
    needs space for one video.

    Raises:
        DreamVisionError: any error of `fetch_video`, `inspect_video` or `MediaStore.put_*`.
    """
    with tempfile.TemporaryDirectory(dir=work_dir, prefix="archive-") as folder:
        file = Path(folder) / "video.mp4"
        with file.open("wb") as sink:
            size = fetch_video(url, sink, policy=policy)
        inspection = inspect_video(file)
        media = _describe(user_id, job_id, token or new_media_token(), size, inspection)
        _store(store, media, file, inspection.thumbnail.data, inspection.preview)
    return media


def _describe(user_id: str, job_id: str, token: str, size: int, inspection: VideoInspection) -> ArchivedMedia:
    return ArchivedMedia(
        video_key=video_key(user_id, job_id),
        thumbnail_key=thumbnail_key(token, job_id),
        preview_key=preview_key(token, job_id),
        width=inspection.facts.width,
        height=inspection.facts.height,
        duration=inspection.facts.duration,
        size_bytes=size,
        codec=inspection.facts.codec,
        thumbnail_width=inspection.thumbnail.width,
        thumbnail_height=inspection.thumbnail.height,
    )


def _store(store: MediaStore, media: ArchivedMedia, file: Path, thumbnail: bytes, preview: bytes) -> None:
    """Upload the video last, so that no video ever exists without its thumbnail and preview."""
    try:
        store.put_thumbnail(media.thumbnail_key, thumbnail)
        store.put_preview(media.preview_key, preview)
        store.put_video(media.video_key, file)
    except BaseException as error:
        _delete_images(store, media, error)
        raise


def _delete_images(store: MediaStore, media: ArchivedMedia, error: BaseException) -> None:
    """Delete the images after a failed upload. If that fails too, `error` remains the one that is reported."""
    try:
        store.delete_media((media.thumbnail_key, media.preview_key))
    except MediaDeletionError as deletion:
        error.add_note(str(deletion))
