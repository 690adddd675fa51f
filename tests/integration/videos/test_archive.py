"""The state ArchiveVideo: from the provider's response to the rows and the bucket."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id, time_of
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.media.download import DownloadPolicy
from dreamvision.media.errors import SourceExpiredError, SourceForbiddenError
from dreamvision.media.storage import MediaStore
from dreamvision.rendering.renderer import RenderState, RenderStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoFinalError
from dreamvision.videos.render import poll_render
from tests.fakes import hostile_source as source
from tests.fakes.aws import MEDIA_BUCKET
from tests.fakes.hostile_source import HostileSource
from tests.fakes.runway import FakeRenderer, new_task_id
from tests.fakes.sample_video import write_video
from tests.permissions.running import running_as

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"


class ArchiveBackend:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.videos, self.dreams = VideoLifecycle(database), DreamRepository(database)
        self.job_id, self.dream_id = new_id(), new_id()
        self.videos.add_with_dream(USER, self.job_id, self.dream_id, "a dream of flying", 5, utc_now())
        self.videos.request_render(USER, self.job_id, utc_now())
        self.videos.record_render(USER, self.job_id, new_task_id(), None, utc_now())

    def poll(self, *urls: str) -> None:
        """Poll the render, which has succeeded with these links."""
        poll_render(USER, self.job_id, FakeRenderer(RenderState(RenderStatus.SUCCEEDED, 100, urls)), self.videos)

    def keep(self, server: HostileSource, *urls: str, days: int = 0) -> Any:
        """Poll the render, and archive it as the state does."""
        self.poll(*urls)
        archive = VideoArchiver(MediaStore(MEDIA_BUCKET), DownloadPolicy((server.origin,), stall_seconds=0.5), days)
        with running_as("ArchiveVideo"):
            return archive.keep(USER, self.job_id, self.videos)

    def stored(self) -> dict[str, Any]:
        key = {"user_id": USER, "job_id": self.job_id}
        found: dict[str, Any] = self.database.client.get_item(TableName=self.database.names.videos_table, Key=key)[
            "Item"
        ]
        return found

    def media_keys(self) -> list[str]:
        found = boto3.client("s3").list_objects_v2(Bucket=MEDIA_BUCKET)
        return [item["Key"] for item in found.get("Contents", [])]


@pytest.fixture
def backend(database: Database) -> ArchiveBackend:
    return ArchiveBackend(database)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("video") / "video.mp4"
    return write_video(file, size=(322, 182)).read_bytes()


@pytest.mark.parametrize("days", [0, 30])
def test_rows_store_the_media_their_sizes_and_their_expiry(backend: ArchiveBackend, content: bytes, days: int) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as server:
        backend.keep(server, server.url("/v.mp4"), days=days)
    video, dream = backend.videos.get(USER, backend.job_id), backend.dreams.get(USER, backend.dream_id)
    assert video.status is VideoStatus.COMPLETED
    assert (video.width, video.height) == (322, 182)
    assert (video.thumbnail_width, video.thumbnail_height) == (322, 182)
    assert set(backend.media_keys()) == {video.video_key, video.thumbnail_key, video.preview_key}
    assert (dream.video_key, dream.thumbnail_key, dream.preview_key) == (
        video.video_key, video.thumbnail_key, video.preview_key
    )  # fmt: skip
    expected = time_of(backend.job_id) + timedelta(days=days) if days else None
    assert video.video_expires_at == dream.video_expires_at == expected


def test_a_link_is_used_until_the_next_poll_stores_another(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/old.mp4": source.status(403), "/new.mp4": source.file(content)}) as server:
        with pytest.raises(SourceExpiredError):
            backend.keep(server, server.url("/old.mp4"))
        assert backend.media_keys() == []
        backend.keep(server, server.url("/new.mp4"))
    assert backend.videos.get(USER, backend.job_id).status is VideoStatus.COMPLETED


def test_without_a_link_the_render_has_to_be_polled(backend: ArchiveBackend) -> None:
    with HostileSource() as server, pytest.raises(SourceExpiredError):
        backend.keep(server)
    assert backend.videos.get(USER, backend.job_id).status is VideoStatus.PROCESSING


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_no_link_of_the_provider_outlives_the_render(backend: ArchiveBackend, content: bytes, end: str) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as server:
        backend.poll(server.url("/v.mp4"))
        assert backend.stored()["output_url"] == server.url("/v.mp4")
        if end == "completed":
            backend.keep(server, server.url("/v.mp4"))
        elif end == "failed":
            backend.videos.fail(USER, backend.job_id, "MediaUploadError", "no", utc_now())
        else:
            backend.videos.cancel(USER, backend.job_id, utc_now())
    assert (backend.stored()["status"], "output_url" in backend.stored()) == (end, False)


def test_a_url_of_another_host_is_never_requested(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as inside, HostileSource() as allowed:
        with pytest.raises(SourceForbiddenError):
            backend.keep(allowed, inside.url("/v.mp4"))
        assert inside.connections == 0
    assert backend.media_keys() == []


def test_a_video_cancelled_during_the_download_leaves_nothing(
    backend: ArchiveBackend, content: bytes, tmp_path: Path
) -> None:
    def cancel_then_serve(exchange: source.Exchange) -> None:
        backend.videos.fail(USER, backend.job_id, "Cancelled", "Cancelled.", utc_now())
        source.file(content)(exchange)

    with HostileSource({"/v.mp4": cancel_then_serve}) as server, pytest.raises(VideoFinalError):
        backend.keep(server, server.url("/v.mp4"))
    assert backend.media_keys() == []


def test_an_archived_video_is_not_downloaded_again(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as server:
        backend.keep(server, server.url("/v.mp4"))
        archive = VideoArchiver(MediaStore(MEDIA_BUCKET), DownloadPolicy((server.origin,)))
        assert archive.keep(USER, backend.job_id, backend.videos) is None
        assert len(server.requests) == 1
