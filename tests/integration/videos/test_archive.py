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
from dreamvision.media.errors import SourceForbiddenError
from dreamvision.media.storage import MediaStore
from dreamvision.rendering.errors import RenderEmptyOutputError
from dreamvision.rendering.renderer import RenderState, RenderStatus, RenderTask
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.archive import VideoArchiver
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoFinalError
from tests.fakes import hostile_source as source
from tests.fakes.aws import MEDIA_BUCKET
from tests.fakes.hostile_source import HostileSource
from tests.fakes.sample_video import write_video
from tests.permissions.running import running_as

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"


class FinishedRender:
    """A renderer whose task has succeeded; each status call returns the next URL."""

    def __init__(self, *urls: str) -> None:
        self.urls = list(urls)
        self.status_calls = 0

    def start(self, prompt: str, duration_seconds: int) -> RenderTask:
        raise AssertionError("nothing is started")

    def status(self, task_id: str) -> RenderState:
        self.status_calls += 1
        url = self.urls.pop(0) if self.urls else None
        return RenderState(RenderStatus.SUCCEEDED, 100, (url,) if url else ())

    def cancel(self, task_id: str) -> None:
        raise AssertionError("nothing is cancelled")


class ArchiveBackend:
    def __init__(self, database: Database) -> None:
        self.videos, self.dreams = VideoLifecycle(database), DreamRepository(database)
        self.job_id, self.dream_id = new_id(), new_id()
        self.videos.add_with_dream(USER, self.job_id, self.dream_id, "a dream of flying", 5, utc_now())
        self.videos.request_render(USER, self.job_id, utc_now())
        self.videos.record_render(USER, self.job_id, "task-1", None, utc_now())

    def keep(self, server: HostileSource, renderer: FinishedRender, days: int = 0) -> Any:
        archive = VideoArchiver(MediaStore(MEDIA_BUCKET), DownloadPolicy((server.origin,), stall_seconds=0.5), days)
        with running_as("ArchiveVideo"):
            return archive.keep(USER, self.job_id, renderer, self.videos)

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
        backend.keep(server, FinishedRender(server.url("/v.mp4")), days)
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


def test_an_expired_url_is_refreshed_once(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/old.mp4": source.status(403), "/new.mp4": source.file(content)}) as server:
        renderer = FinishedRender(server.url("/old.mp4"), server.url("/new.mp4"))
        backend.keep(server, renderer)
        assert renderer.status_calls == 2
    assert backend.videos.get(USER, backend.job_id).status is VideoStatus.COMPLETED


def test_an_expired_url_without_a_replacement_is_an_error(backend: ArchiveBackend) -> None:
    with HostileSource({"/old.mp4": source.status(410)}) as server, pytest.raises(RenderEmptyOutputError):
        backend.keep(server, FinishedRender(server.url("/old.mp4")))
    assert backend.media_keys() == []
    assert backend.videos.get(USER, backend.job_id).status is VideoStatus.PROCESSING


def test_a_url_of_another_host_is_never_requested(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as inside, HostileSource() as allowed:
        with pytest.raises(SourceForbiddenError):
            backend.keep(allowed, FinishedRender(inside.url("/v.mp4")))
        assert inside.connections == 0
    assert backend.media_keys() == []


def test_a_video_cancelled_during_the_download_leaves_nothing(
    backend: ArchiveBackend, content: bytes, tmp_path: Path
) -> None:
    def cancel_then_serve(exchange: source.Exchange) -> None:
        backend.videos.fail(USER, backend.job_id, "Cancelled", "Cancelled.", utc_now())
        source.file(content)(exchange)

    with HostileSource({"/v.mp4": cancel_then_serve}) as server, pytest.raises(VideoFinalError):
        backend.keep(server, FinishedRender(server.url("/v.mp4")))
    assert backend.media_keys() == []


def test_an_archived_video_is_not_downloaded_again(backend: ArchiveBackend, content: bytes) -> None:
    with HostileSource({"/v.mp4": source.file(content)}) as server:
        backend.keep(server, FinishedRender(server.url("/v.mp4")))
        assert backend.keep(server, FinishedRender()) is None
        assert len(server.requests) == 1
