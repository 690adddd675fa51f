"""Archive a finished render: copy it from the provider's short-lived URL into our bucket."""

from functools import cache
from typing import Self

from dreamvision.core.clock import utc_now
from dreamvision.core.config import Config
from dreamvision.media.archive import ArchivedMedia, archive_video
from dreamvision.media.download import DownloadPolicy
from dreamvision.media.errors import SourceExpiredError
from dreamvision.media.links import video_expiry
from dreamvision.media.storage import MediaStore
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoFinalError


class ArchiverSettings(Config):
    """The bucket, the hosts allowed as sources, and the days that a video is kept (0: for ever)."""

    media_bucket: str
    allowed_video_hosts: str
    video_expiry_days: int = 0


class VideoArchiver:
    """Archives videos in one bucket, downloading them under one policy."""

    def __init__(self, store: MediaStore, policy: DownloadPolicy, expiry_days: int = 0) -> None:
        self._store = store
        self._policy = policy
        self._expiry_days = expiry_days

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        settings = ArchiverSettings.from_environment()
        policy = DownloadPolicy.from_text(settings.allowed_video_hosts)
        return cls(MediaStore(settings.media_bucket), policy, settings.video_expiry_days)

    def keep(self, user_id: str, job_id: str, videos: VideoLifecycle) -> ArchivedMedia | None:
        """Download and validate the video, store it with its images, and complete it.

        Returns ``None`` if the video was already completed. A retry overwrites the same keys, so nothing is orphaned.
        This runs without a key of the provider, since it decodes what the provider sends.

        Raises:
            VideoFinalError: the video was cancelled or closed meanwhile; the stored media are deleted again.
            SourceExpiredError: the link that the last poll has stored has expired, or there is none: poll again.
            DreamVisionError: any error of ``archive_video``.
        """
        video = videos.get(user_id, job_id, consistent=True)
        if video.video_key is not None:
            return None
        if video.status.is_final:
            raise VideoFinalError
        if video.output_url is None:
            raise SourceExpiredError
        archived = archive_video(
            video.output_url,
            user_id=user_id,
            job_id=job_id,
            store=self._store,
            policy=self._policy,
            token=video.media_token,
        )
        media = Media(
            video_key=archived.video_key,
            thumbnail_key=archived.thumbnail_key,
            preview_key=archived.preview_key,
            width=archived.width,
            height=archived.height,
            thumbnail_width=archived.thumbnail_width,
            thumbnail_height=archived.thumbnail_height,
            expires_at=video_expiry(job_id, self._expiry_days),
        )
        try:
            videos.complete(video, media, utc_now())
        except VideoFinalError:
            self._store.delete_media((media.video_key, media.thumbnail_key, archived.preview_key))
            raise
        return archived
