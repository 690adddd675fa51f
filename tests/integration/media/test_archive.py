"""Archiving: from the provider's link to our bucket, or to an error that leaves nothing behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dreamvision.core.errors import DreamVisionError
from dreamvision.media.archive import ArchivedMedia, archive_video
from dreamvision.media.download import DownloadPolicy
from dreamvision.media.errors import (
    MediaUploadError,
    NotAVideoError,
    SourceExpiredError,
    SourceForbiddenError,
    SourceTooLargeError,
    SourceTooSlowError,
    SourceTruncatedError,
    SourceUnavailableError,
    VideoTruncatedError,
    VideoUnsuitableError,
)
from dreamvision.media.storage import MediaStore
from dreamvision.rendering.errors import RenderTaskLostError
from tests.fakes import hostile_source as source
from tests.fakes.hostile_source import Behavior, HostileSource
from tests.fakes.media_bucket import BUCKET, failing, keys, media_bucket, unfinished
from tests.fakes.sample_video import flat, noise, write_video
from tests.permissions.running import running_as

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

USER, JOB = "7b0c7c5e-5f0c-4f57-9d37-0c5b3f6f0a11", "0199c1e2-7a10-7cc3-9b1e-2f64a7f0d001"
TOKEN = "4Yx0kXqf1r8m2V7bPz9u3w"
VIDEO = f"videos/{USER}/{JOB}.mp4"
THUMBNAIL, PREVIEW = f"thumbnails/{TOKEN}/{JOB}.jpg", f"thumbnails/{TOKEN}/{JOB}.webp"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    with media_bucket(monkeypatch) as client:
        yield client


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_video(tmp_path_factory.mktemp("video") / "video.mp4", movflags="faststart").read_bytes()


@pytest.fixture(scope="module")
def large_video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of more than one part of a multipart upload."""
    file = tmp_path_factory.mktemp("video") / "video.mp4"
    data = write_video(file, noise, size=(1280, 720), seconds=1, rate=24).read_bytes()
    assert len(data) > 9 * 1024 * 1024
    return data


def never() -> str:
    raise AssertionError("a fresh link was asked for")


class Archive:
    """Archives from one server into one bucket, and asserts that a failure leaves nothing behind."""

    def __init__(self, client: "S3Client", work_dir: Path) -> None:
        self._client = client
        self._work_dir = work_dir

    def run(
        self,
        server: HostileSource,
        path: str = "/v.mp4",
        refresh_url: Callable[[], str] = never,
        token: str | None = TOKEN,
    ) -> ArchivedMedia:
        policy = DownloadPolicy((server.origin,), max_bytes=20_000_000, total_seconds=5, stall_seconds=0.3)
        with running_as("ArchiveVideo"):
            return archive_video(
                server.url(path),
                user_id=USER,
                job_id=JOB,
                store=MediaStore(BUCKET, self._client),
                policy=policy,
                refresh_url=refresh_url,
                token=token,
                work_dir=self._work_dir,
            )

    def assert_nothing_left(self) -> None:
        assert keys(self._client) == []
        assert unfinished(self._client) == 0
        assert list(self._work_dir.iterdir()) == []


@pytest.fixture
def archive(client: "S3Client", tmp_path: Path) -> Archive:
    work_dir = tmp_path / "work"
    work_dir.mkdir()
    return Archive(client, work_dir)


def test_a_finished_render_is_archived_with_its_images(
    archive: Archive, client: "S3Client", data: bytes, tmp_path: Path
) -> None:
    with HostileSource({"/v.mp4": source.file(data)}) as server:
        # WHEN a render is archived
        media = archive.run(server)
        # THEN the result describes it completely
        assert media == ArchivedMedia(
            video_key=VIDEO,
            thumbnail_key=THUMBNAIL,
            preview_key=PREVIEW,
            width=320,
            height=180,
            duration=2.0,
            size_bytes=len(data),
            codec="h264",
            thumbnail_width=320,
            thumbnail_height=180,
        )
        # AND the bucket holds the source's bytes and two images, and the work folder is empty
        assert sorted(keys(client)) == sorted([VIDEO, THUMBNAIL, PREVIEW])
        assert client.get_object(Bucket=BUCKET, Key=VIDEO)["Body"].read() == data
        assert client.get_object(Bucket=BUCKET, Key=THUMBNAIL)["Body"].read()[:3] == b"\xff\xd8\xff"
        assert client.get_object(Bucket=BUCKET, Key=PREVIEW)["Body"].read()[8:12] == b"WEBP"
        assert len(server.requests) == 1
    assert list((tmp_path / "work").iterdir()) == []


def test_without_a_token_the_images_get_an_unguessable_folder(archive: Archive, data: bytes) -> None:
    with HostileSource({"/v.mp4": source.file(data)}) as server:
        first, second = archive.run(server, token=None), archive.run(server, token=None)
    tokens = {media.thumbnail_key.split("/")[1] for media in (first, second)}
    assert len(tokens) == 2
    assert all(len(token) >= 22 for token in tokens)


def test_a_retry_with_the_same_token_replaces_the_first_attempt(
    archive: Archive, client: "S3Client", data: bytes
) -> None:
    with HostileSource({"/v.mp4": source.file(data)}) as server:
        assert archive.run(server) == archive.run(server)
    assert len(keys(client)) == 3


# --- links


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_an_expired_link_is_refreshed_once(archive: Archive, client: "S3Client", data: bytes, code: int) -> None:
    routes = {"/old.mp4": source.status(code), "/new.mp4": source.file(data)}
    with HostileSource(routes) as server:
        archive.run(server, "/old.mp4", refresh_url=lambda: server.url("/new.mp4"))
        assert [request.target for request in server.requests] == ["/old.mp4", "/new.mp4"]
    assert len(keys(client)) == 3


def test_a_refreshed_link_that_has_expired_is_an_error(archive: Archive) -> None:
    asked: list[str] = []

    def refresh() -> str:
        asked.append("/v.mp4")
        return server.url("/v.mp4")

    with HostileSource({"/v.mp4": source.status(403)}) as server, pytest.raises(SourceExpiredError):
        archive.run(server, refresh_url=refresh)
    assert len(asked) == 1
    assert len(server.requests) == 2
    archive.assert_nothing_left()


def test_a_refreshed_link_is_checked_like_the_first(archive: Archive) -> None:
    with HostileSource({"/v.mp4": source.status(403)}) as server, pytest.raises(SourceForbiddenError):
        archive.run(server, refresh_url=lambda: "https://169.254.169.254/latest/meta-data/")
    archive.assert_nothing_left()


def test_a_render_lost_meanwhile_is_reported_as_lost(archive: Archive) -> None:
    def lost() -> str:
        raise RenderTaskLostError

    with HostileSource({"/v.mp4": source.status(410)}) as server, pytest.raises(RenderTaskLostError):
        archive.run(server, refresh_url=lost)
    archive.assert_nothing_left()


# --- hostile sources


@pytest.mark.parametrize(
    ("behavior", "error"),
    [
        pytest.param(lambda data: source.redirect("https://elsewhere.example/"), SourceForbiddenError, id="redirect"),
        pytest.param(lambda data: source.status(500), SourceUnavailableError, id="error"),
        pytest.param(lambda data: source.reset, SourceUnavailableError, id="reset"),
        pytest.param(lambda data: source.truncated(data, len(data) // 2), SourceTruncatedError, id="cut off"),
        pytest.param(lambda data: source.truncated_by_reset(data, 5000), SourceTruncatedError, id="cut off by reset"),
        pytest.param(lambda data: source.chunked_file(data, finished=False), SourceTruncatedError, id="no last chunk"),
        pytest.param(lambda data: source.unmeasured_file(data[:-50]), VideoTruncatedError, id="cut off unmeasured"),
        pytest.param(lambda data: source.file(data[: len(data) // 2]), VideoTruncatedError, id="stored cut off"),
        pytest.param(lambda data: source.announcing("20000001"), SourceTooLargeError, id="announced too large"),
        pytest.param(lambda data: source.endless(), SourceTooLargeError, id="endless"),
        pytest.param(lambda data: source.stall_after(data), SourceTooSlowError, id="stalls"),
        pytest.param(lambda data: source.file(b""), SourceTruncatedError, id="empty"),
        pytest.param(lambda data: source.file(b"<html>403</html>"), NotAVideoError, id="a web page"),
        pytest.param(lambda data: source.file(bytes(100_000)), NotAVideoError, id="zeros"),
        pytest.param(lambda data: source.file(b"\xff\xd8\xff\xe0" + data), NotAVideoError, id="an image in front"),
        pytest.param(lambda data: source.file(data[:4000] + bytes(len(data) - 4000)), NotAVideoError, id="hollow"),
    ],
)
def test_a_hostile_source_leaves_nothing_behind(
    archive: Archive, data: bytes, behavior: Callable[[bytes], Behavior], error: type[DreamVisionError]
) -> None:
    with HostileSource({"/v.mp4": behavior(data)}) as server, pytest.raises(error):
        archive.run(server)
    archive.assert_nothing_left()


def test_an_unexpected_video_leaves_nothing_behind(archive: Archive, tmp_path: Path) -> None:
    data = write_video(tmp_path / "long.mp4", flat(16), seconds=61, rate=1, size=(64, 64)).read_bytes()
    with HostileSource({"/v.mp4": source.file(data)}) as server, pytest.raises(VideoUnsuitableError):
        archive.run(server)
    archive.assert_nothing_left()


def test_a_failed_retry_keeps_the_media_of_the_first_attempt(archive: Archive, client: "S3Client", data: bytes) -> None:
    with HostileSource({"/v.mp4": source.in_turn(source.file(data), source.file(b"rubbish"))}) as server:
        archive.run(server)
        with pytest.raises(NotAVideoError):
            archive.run(server)
    assert len(keys(client)) == 3


# --- failing storage


@pytest.mark.parametrize(
    ("operation", "on_call"),
    [
        ("PutObject", 1),
        ("PutObject", 2),
        ("CreateMultipartUpload", 1),
        ("UploadPart", 2),
        ("CompleteMultipartUpload", 1),
    ],
)
def test_a_storage_failure_at_any_step_leaves_nothing_behind(
    archive: Archive, client: "S3Client", large_video: bytes, operation: str, on_call: int
) -> None:
    failing(client, operation, on_call)
    with HostileSource({"/v.mp4": source.file(large_video)}) as server, pytest.raises(MediaUploadError):
        archive.run(server)
    archive.assert_nothing_left()


def test_the_first_error_is_reported_if_cleaning_up_fails_too(
    archive: Archive, client: "S3Client", data: bytes
) -> None:
    failing(client, "PutObject", 3)
    failing(client, "DeleteObjects")
    with HostileSource({"/v.mp4": source.file(data)}) as server, pytest.raises(MediaUploadError) as raised:
        archive.run(server)
    assert raised.value.__notes__ == ["Some media could not be deleted."]
