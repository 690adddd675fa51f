"""The entity tag of a video: it changes with the answer, and with nothing else."""

from dreamvision.core.clock import utc_now
from dreamvision.media.signatures import SigningKey
from dreamvision.videos.models import VideoRecord
from tests.fakes.http_api import Answer, HttpFunction
from tests.integration.dreams.fixtures import LUNA, DreamBackend


def _get(videos: HttpFunction, video: VideoRecord, **headers: str) -> Answer:
    return videos(LUNA, "GET /api/v1/videos/{job_id}", job_id=video.job_id, headers=headers)


def test_an_unchanged_video_is_not_modified(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.processing_video(backend.analyzed_dream())
    first = _get(videos, video)
    tag = first.headers["etag"]

    again = _get(videos, video, **{"if-none-match": tag})

    assert (again.status, again.body) == (304, None)
    assert again.headers["etag"] == tag
    assert again.headers["retry-after"] == first.headers["retry-after"] == "5"
    assert again.headers["cache-control"] == "no-store"
    assert _get(videos, video, **{"if-none-match": '"another"'}).status == 200


def test_every_change_has_a_new_etag(backend: DreamBackend, videos: HttpFunction) -> None:
    dream = backend.analyzed_dream()
    video = backend.queued_video(dream)
    tags = [_get(videos, video).headers["etag"]]
    now = utc_now()

    # Two changes within the same millisecond are two versions, too.
    backend.videos.request_render(LUNA, video.job_id, now)
    backend.videos.record_render(LUNA, video.job_id, "task", 60, now)
    tags.append(_get(videos, video).headers["etag"])
    for progress in (20, 40):
        backend.videos.record_progress(backend.stored_video(LUNA, video.job_id), progress, None, now)
        tags.append(_get(videos, video).headers["etag"])
    backend.videos.cancel(LUNA, video.job_id, now)
    tags.append(_get(videos, video).headers["etag"])

    assert len(set(tags)) == 5


def test_the_etag_changes_with_the_link(backend: DreamBackend, videos: HttpFunction) -> None:
    video = backend.completed_video(backend.analyzed_dream())
    period = 3 * 3600
    backend.now = backend.now // period * period
    first = _get(videos, video)

    backend.now += period - 1
    assert _get(videos, video, **{"if-none-match": first.headers["etag"]}).status == 304
    backend.now += 1
    renewed = _get(videos, video, **{"if-none-match": first.headers["etag"]})

    assert renewed.status == 200
    assert renewed.body["video_url"] != first.body["video_url"]


def test_the_etag_changes_with_the_signing_key(backend: DreamBackend, videos: HttpFunction) -> None:
    # GIVEN a client that knows a link by a key that has leaked since
    video = backend.completed_video(backend.analyzed_dream())
    first = _get(videos, video)
    # WHEN the key has been replaced
    backend.links._key = lambda: SigningKey("KNEW", lambda policy: b"signed")
    renewed = _get(videos, video, **{"if-none-match": first.headers["etag"]})
    # THEN the client gets a link by the new one
    assert renewed.status == 200
    assert "Key-Pair-Id=KNEW" in renewed.body["video_url"]
