"""``Idempotency-Key`` on ``POST /dreams/generate-video`` and ``POST /videos/generate``."""

import hashlib
import json

import pytest

from dreamvision.database.client import Database
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.service import VideoService
from dreamvision.videos.workflow import VideoWorkflow
from tests.fakes.claude import GOOD_PROMPT
from tests.fakes.gateway import USER_ID, send
from tests.integration.limits.fixtures import (
    DREAM,
    GENERATE,
    KEY,
    VideoApi,
    dreams_of,
    post,
    power_cut,
    request_records,
    videos_of,
    without_countdown,
)
from tests.integration.ministack import reservation_counts

NEW_FIELDS = ("aspect_ratio", "seed", "quota")


def test_a_new_dreams_video_is_replayed(video_api: VideoApi, ministack: Database) -> None:
    first = post(video_api.dreams, sample=GENERATE)
    assert first.status == 200
    assert first.headers["Location"] == f"/api/v1/videos/{first.body['video_generation']['job_id']}"
    assert first.body["job_id"] == first.body["video_generation"]["job_id"]
    assert first.body["dream_id"] == first.body["dream_analysis"]["dream_id"]
    # the video changes meanwhile; the stored response does not
    (video,) = videos_of(ministack)
    VideoLifecycle(ministack).fail(
        USER_ID,
        str(video["job_id"]),
        "X",
        "x",
        VideoLifecycle(ministack).get(USER_ID, str(video["job_id"])).created_at,
    )
    again = post(video_api.dreams, sample=GENERATE)
    assert without_countdown(again) == without_countdown(first)
    assert (len(videos_of(ministack)), len(dreams_of(ministack))) == (1, 1)
    assert len(video_api.states.started) == 1
    assert reservation_counts(ministack)[0] == 0  # released by the failure, and the replay reserves nothing


def test_an_asynchronous_response_is_replayed(video_api: VideoApi, ministack: Database) -> None:
    first = post(video_api.dreams, sample=GENERATE, prefer="respond-async")
    again = post(video_api.dreams, sample=GENERATE)
    assert (first.status, first.headers["Preference-Applied"]) == (202, "respond-async")
    assert without_countdown(again) == without_countdown(first)
    assert len(videos_of(ministack)) == 1


def test_without_a_wait_the_response_is_202_at_once(
    video_api: VideoApi, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_WAIT", "0")
    monkeypatch.setattr(VideoService, "wait_for_analysis", lambda *_: pytest.fail("waited"))
    first = post(video_api.dreams, sample=GENERATE)
    again = post(video_api.dreams, sample=GENERATE)
    assert (first.status, first.body["status"]) == (202, "pending")
    assert "Preference-Applied" not in first.headers
    assert without_countdown(again) == without_countdown(first)
    assert len(videos_of(ministack)) == len(video_api.states.started) == 1


def test_a_quota_error_is_not_stored(ministack: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    video_api = VideoApi(ministack, monkeypatch, free_concurrent_videos=1)
    first = send(video_api.dreams, GENERATE, {"dream_text": DREAM})
    refused = post(video_api.dreams, sample=GENERATE)
    assert (refused.status, refused.code) == (429, "too_many_running_videos")
    assert refused.headers["Retry-After"] == "30"
    assert request_records(ministack) == []
    job_id = first.body["video_generation"]["job_id"]
    VideoLifecycle(ministack).fail(USER_ID, job_id, "X", "x", VideoLifecycle(ministack).get(USER_ID, job_id).created_at)
    assert post(video_api.dreams, sample=GENERATE).status == 200


def test_a_retry_starts_the_execution_after_a_crash(
    video_api: VideoApi, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(VideoWorkflow, "start", None)
        broken.setattr(VideoService, "_start", power_cut)
        assert post(video_api.dreams, sample=GENERATE).status == 500
    assert (len(videos_of(ministack)), video_api.states.started) == (1, [])
    answer = post(video_api.dreams, sample=GENERATE)
    assert answer.status == 200
    assert video_api.states.started == [answer.body["video_generation"]["job_id"]]
    assert len(videos_of(ministack)) == 1
    assert reservation_counts(ministack) == (1, 1, 1)


def test_a_retry_creates_no_second_video_after_a_crash(
    video_api: VideoApi, ministack: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(VideoService, "wait_for_analysis", power_cut)
        assert post(video_api.dreams, sample=GENERATE).status == 500
    answer = send(video_api.dreams, GENERATE, {"dream_text": DREAM}, headers=KEY | {"prefer": "respond-async"})
    assert answer.status == 202
    assert len(videos_of(ministack)) == 1
    assert len(video_api.states.executions) == 1
    assert reservation_counts(ministack) == (1, 1, 1)


def test_a_video_is_replayed(video_api: VideoApi, ministack: Database) -> None:
    dream_id = send(video_api.dreams, GENERATE, {"dream_text": DREAM}).body["dream_analysis"]["dream_id"]
    body = {"dream_id": dream_id, "duration": 7}
    first, again = (send(video_api.videos, "post-videos-generate", body, headers=KEY) for _ in range(2))
    assert first.status == 200
    assert without_countdown(first) == without_countdown(again)
    assert len(videos_of(ministack)) == 2
    other = send(video_api.videos, "post-videos-generate", body | {"duration": 8}, headers=KEY)
    assert (other.status, other.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    "change", [{"aspect_ratio": "9:16"}, {"seed": 7}, {"video_prompt": GOOD_PROMPT}, {"aspect_ratio": "16:9"}]
)
def test_another_shape_seed_or_prompt_is_another_request(
    video_api: VideoApi, ministack: Database, change: dict[str, object]
) -> None:
    dream_id = send(video_api.dreams, GENERATE, {"dream_text": DREAM}).body["dream_analysis"]["dream_id"]
    body = {"dream_id": dream_id, "duration": 7}
    assert send(video_api.videos, "post-videos-generate", body, headers=KEY).status == 200
    other = send(video_api.videos, "post-videos-generate", body | change, headers=KEY)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(videos_of(ministack)) == 2


def test_another_shape_of_a_new_dream_is_another_request(video_api: VideoApi, ministack: Database) -> None:
    body = {"dream_text": DREAM, "aspect_ratio": "9:16"}
    first, again = (send(video_api.dreams, GENERATE, body, headers=KEY) for _ in range(2))
    assert without_countdown(first) == without_countdown(again)
    assert first.body["aspect_ratio"] == "9:16"
    other = post(video_api.dreams, sample=GENERATE)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(videos_of(ministack)) == 1


def test_a_request_from_before_shapes_existed_is_replayed(video_api: VideoApi, ministack: Database) -> None:
    """Its digest is that of today's request without the new fields, and its stored response has none of them."""
    first = post(video_api.dreams, sample=GENERATE)
    (record,) = request_records(ministack)
    old_body = json.dumps({"dream_text": DREAM, "duration": 5}, separators=(",", ":"))
    text = "\n".join((USER_ID, "dream-video", KEY["idempotency-key"], old_body))
    assert record["fingerprint"] == hashlib.sha256(text.encode()).hexdigest()
    answer = {name: value for name, value in record["answer"].items() if name not in NEW_FIELDS}
    ministack.client.put_item(TableName=ministack.names.guards_table, Item={**record, "answer": answer})

    again = post(video_api.dreams, sample=GENERATE)
    assert again.status == 200
    assert again.body == first.body | {"aspect_ratio": "16:9", "seed": None}


def test_a_stored_response_contains_no_prompt(video_api: VideoApi, ministack: Database) -> None:
    dream_id = send(video_api.dreams, GENERATE, {"dream_text": DREAM}).body["dream_analysis"]["dream_id"]
    body = {"dream_id": dream_id, "video_prompt": GOOD_PROMPT}
    assert send(video_api.videos, "post-videos-generate", body, headers=KEY).status == 200
    assert GOOD_PROMPT not in str(request_records(ministack))


def test_an_unknown_dream_is_not_stored(video_api: VideoApi, ministack: Database) -> None:
    answer = send(video_api.videos, "post-videos-generate", headers=KEY)
    assert (answer.status, answer.code) == (404, "dream_not_found")
    assert request_records(ministack) == []
    assert answer.headers["RateLimit-Policy"] == '"video";q=10;w=60'
