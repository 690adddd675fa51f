"""Deleting a dream deletes all its data and nothing else, even after crashes."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import boto3
import pytest

from dreamvision.analysis.models import Analysis
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.dreams.models import DreamRecord
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.realtime.stream import change_in
from dreamvision.rendering.errors import RenderCancelUnconfirmedError, RenderKeyError
from dreamvision.rendering.renderer import RenderTask
from dreamvision.schemas.categories import Category
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.videos.models import Media, VideoFinalError
from dreamvision.videos.render import start_render
from tests.fakes.asl import ExecutionFailedError
from tests.fakes.aws import REGION
from tests.fakes.http_api import HttpFunction
from tests.fakes.runway import FakeRenderer
from tests.integration.dreams.fixtures import LUNA, STELLA
from tests.integration.erasure.fixtures import GRACE, LONG_TEXT, ErasureBackend, Killed, populated_account, status_of


@pytest.mark.usefixtures("noon")
def test_a_deleted_dream_disappears_at_once(erasure: ErasureBackend) -> None:
    videos = populated_account(erasure)
    (dream_id, mine), (other_id, others), (pending_id, _) = videos.items()

    answer = erasure.delete_dream(dream_id)

    # THEN no route returns it, even before the execution has run
    assert (answer.status, answer.body) == (204, None)
    assert status_of("/api/v1/dreams/{dream_id}", dream_id=dream_id) == 404
    for video in mine:
        assert status_of("/api/v1/videos/{job_id}", job_id=video.job_id) == 404
    listed = HttpFunction("api/dreams")(LUNA, "GET /api/v1/dreams").body
    assert ([dream["id"] for dream in listed["dreams"]], listed["total"]) == ([pending_id, other_id], 2)
    by_category = HttpFunction("api/dreams")(LUNA, "GET /api/v1/dreams", query={"category": "flight"}).body
    assert (by_category["dreams"], by_category["total"]) == ([], 0)
    listed_videos = HttpFunction("api/videos")(LUNA, "GET /api/v1/videos").body["videos"]
    assert {video["dream_id"] for video in listed_videos} == {other_id, pending_id}
    # AND the counters have changed, and costs are kept
    profile = erasure.dreams.profile()
    assert (profile.dreams_count, profile.videos_count) == (2, 1)
    assert profile.dreams_by_category[Category.FLIGHT] == 0
    assert profile.by_month(utc_now())[0][1:3] == (2, 1)
    assert (profile.tokens_in, profile.credits) == (1600, 120)
    # AND no text of it is left
    assert not [item for item in erasure.items() if item.get("dream_id") == dream_id and "dream_text" in item]
    assert others[0].job_id in "".join(erasure.dreams.media_keys())


def test_the_erasure_of_a_dream_is_counted_once(erasure: ErasureBackend, capsys: pytest.CaptureFixture[str]) -> None:
    dream_id = next(iter(populated_account(erasure)))
    erasure.delete_dream(dream_id)
    erasure.run_execution()
    assert capsys.readouterr().out.count('"ErasuresFinished":[1.0]') == 1


def test_a_deleted_dream_leaves_nothing(erasure: ErasureBackend) -> None:
    videos = populated_account(erasure)
    dream_id, mine = next(iter(videos.items()))
    before = set(erasure.dreams.media_keys())

    erasure.delete_dream(dream_id)
    erasure.run_execution()

    assert erasure.remains_of(dream_id, *(video.job_id for video in mine), *(video.media_token for video in mine)) == []
    assert len(before - set(erasure.dreams.media_keys())) == 3 + 2
    # AND the execution and all renders that the provider may still have are stopped
    assert erasure.dreams.states.stopped == [mine[2].job_id] * 2
    assert set(erasure.dreams.renderer.cancelled) == {str(video.provider_task_id) for video in mine}
    # AND since something was running, the erasure ran again after the grace period
    assert erasure.machine.waited == [GRACE]
    assert erasure.machine.entered[-1] == "Erased"


def test_a_separately_stored_text_is_deleted_with_its_dream(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream(text=LONG_TEXT)
    assert len(erasure.remains_of(f"text#{LUNA}")) == 1

    erasure.delete_dream(dream.dream_id)

    assert erasure.remains_of(f"text#{LUNA}") == []
    erasure.run_execution()
    assert erasure.remains_of(dream.dream_id) == []


def test_a_dream_without_a_running_video_is_erased_without_waiting(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream()
    erasure.dreams.completed_video(dream)
    shown, sent = erasure.dreams.dream_with_upload(dream)
    assert {shown, sent} <= set(erasure.dreams.media_keys())

    erasure.delete_dream(dream.dream_id)
    erasure.run_execution()

    assert erasure.machine.waited == []
    assert erasure.remains_of(dream.dream_id) == []
    assert erasure.dreams.media_keys() == []


def test_a_pending_dream_is_erased(erasure: ErasureBackend) -> None:
    video = erasure.dreams.pending_video()

    erasure.delete_dream(video.dream_id)
    erasure.run_execution()

    assert erasure.remains_of(video.dream_id, video.job_id) == []
    assert erasure.dreams.profile().dreams_count == 0
    assert erasure.dreams.states.stopped[0] == video.job_id


def test_deleting_twice_is_harmless(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream()

    assert erasure.delete_dream(dream.dream_id).status == 204
    assert erasure.delete_dream(dream.dream_id).status == 204
    assert len(erasure.erasures.started) == 1
    erasure.run_execution()
    again = erasure.delete_dream(dream.dream_id)

    assert (again.status, again.problem) == (404, "dream_not_found")
    assert erasure.dreams.profile().dreams_count == 0


def test_another_users_dream_cannot_be_deleted(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream()

    theirs, unknown = erasure.delete_dream(dream.dream_id, STELLA), erasure.delete_dream(new_id(), STELLA)

    assert (theirs.status, theirs.problem) == (unknown.status, unknown.problem) == (404, "dream_not_found")
    assert erasure.erasures.started == {}
    assert erasure.dreams.dreams.get(LUNA, dream.dream_id) == dream


def test_a_dream_is_kept_if_the_erasure_cannot_be_started(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream()
    erasure.erasures.refusal = "ServiceUnavailable"

    answer = erasure.delete_dream(dream.dream_id)

    assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "deletion_unavailable", "5")
    assert status_of("/api/v1/dreams/{dream_id}", dream_id=dream.dream_id) == 200


def test_a_dream_analyzed_during_its_deletion_keeps_the_counters_right(erasure: ErasureBackend) -> None:
    """The analysis is stored during the deletion, and the counters still add up."""
    backend = erasure.dreams
    video = backend.pending_video()
    deletion = DreamDeletion(backend.database)
    get = deletion._dreams.get
    analysis = Analysis(Category.CHASE, "CHASE", 0.9, "POV running", 10, 5, "claude-sonnet-5-5")

    def analysed_meanwhile(*arguments: Any, **options: Any) -> DreamRecord:
        dream = get(*arguments, **options)
        if dream.analysis_status is AnalysisStatus.PENDING:
            backend.dreams.complete_analysis(LUNA, video.dream_id, analysis, 1, utc_now())
        return dream

    deletion._dreams.get = analysed_meanwhile  # type: ignore[method-assign]
    deletion.soft_delete_dream(LUNA, video.dream_id)

    profile = backend.profile()
    assert (profile.dreams_count, profile.dreams_by_category[Category.CHASE]) == (0, 0)
    assert erasure.execute(LUNA, video.dream_id)[-1] == "Erased"


def test_videos_are_found_despite_clock_skew(erasure: ErasureBackend) -> None:
    """The id of a video created on another machine may sort before its dream's."""
    backend = erasure.dreams
    dream = backend.analyzed_dream()
    job_id = str(UUID(int=UUID(new_id()).int - (30 * 60 * 1000 << 80)))
    backend.videos.add(LUNA, job_id, dream.dream_id, 5, utc_now())

    erasure.delete_dream(dream.dream_id)

    assert job_id < dream.dream_id
    assert status_of("/api/v1/videos/{job_id}", job_id=job_id) == 404


class _DeletedMeanwhile(FakeRenderer):
    """A renderer that accepts only after the dream has been deleted."""

    def __init__(self, deleting: Callable[[], object]) -> None:
        super().__init__()
        self._deleting = deleting

    def start(self, *arguments: Any, **options: Any) -> RenderTask:
        task = super().start(*arguments, **options)
        self._deleting()
        return task


def test_a_render_accepted_during_the_deletion_is_cancelled(erasure: ErasureBackend) -> None:
    backend = erasure.dreams
    video = backend.queued_video(backend.analyzed_dream())
    renderer = _DeletedMeanwhile(lambda: erasure.delete_dream(video.dream_id))

    with pytest.raises(VideoFinalError):
        start_render(LUNA, video.job_id, renderer, backend.dreams, backend.videos)

    # THEN the request cancels it, and the erasure cancels it once more
    assert renderer.cancelled == renderer.task_ids
    erasure.run_execution()
    assert set(backend.renderer.cancelled) == set(renderer.task_ids)
    assert erasure.remains_of(video.job_id) == []


def test_media_stored_during_the_deletion_are_deleted(erasure: ErasureBackend) -> None:
    """ArchiveVideo is killed after storing the video; the erasure derives the keys."""
    backend = erasure.dreams
    video = backend.processing_video(backend.analyzed_dream())
    erasure.delete_dream(video.dream_id)
    with pytest.raises(VideoFinalError):
        backend.videos.complete(video, Media("video", "thumbnail", None, 1280, 720), utc_now())
    erasure.put_media(f"videos/{LUNA}/{video.job_id}.mp4")
    erasure.put_media(f"thumbnails/{video.media_token}/{video.job_id}.jpg")

    erasure.run_execution()

    assert erasure.remains_of(video.job_id) == []


def test_old_renders_are_not_cancelled_at_the_provider(
    erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    dream = erasure.dreams.analyzed_dream()
    erasure.dreams.completed_video(dream)
    monkeypatch.setattr("dreamvision.erasure.cleanup.utc_now", lambda: utc_now() + timedelta(days=3))

    erasure.delete_dream(dream.dream_id)
    erasure.run_execution()

    assert erasure.dreams.renderer.cancelled == []
    assert erasure.remains_of(dream.dream_id) == []


def test_data_is_erased_even_if_the_provider_is_down(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    videos = populated_account(erasure)
    dream_id, mine = next(iter(videos.items()))

    def down(_: str) -> None:
        raise RenderCancelUnconfirmedError

    monkeypatch.setattr(erasure.dreams.renderer, "cancel", down)
    erasure.delete_dream(dream_id)

    with pytest.raises(ExecutionFailedError, match="RenderCancelUnconfirmedError"):
        erasure.run_execution()

    assert erasure.machine.entered[-1] == "RenderLeftBehind"
    assert erasure.remains_of(dream_id, *(video.job_id for video in mine)) == []


@pytest.mark.parametrize("error", [RenderCancelUnconfirmedError(), RenderKeyError()], ids=lambda error: str(error)[:20])
def test_one_render_that_is_not_cancelled_does_not_keep_the_others(
    erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch, error: RenderCancelUnconfirmedError | RenderKeyError
) -> None:
    dream = erasure.dreams.analyzed_dream()
    first, second = erasure.dreams.processing_video(dream), erasure.dreams.processing_video(dream)
    cancel, refused = erasure.dreams.renderer.cancel, [first.provider_task_id]

    def once(task_id: str) -> None:
        if task_id in refused:
            refused.clear()
            raise error
        cancel(task_id)

    monkeypatch.setattr(erasure.dreams.renderer, "cancel", once)
    erasure.delete_dream(dream.dream_id)
    erasure.run_execution()

    # THEN the second one is cancelled although the first was not, and the state repeats both
    assert erasure.dreams.renderer.cancelled[:3] == [
        second.provider_task_id, first.provider_task_id, second.provider_task_id
    ]  # fmt: skip


def test_many_videos_take_several_runs(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamvision.erasure.cleanup._RENDERS_PER_RUN", 2)
    monkeypatch.setattr("dreamvision.erasure.cleanup._TOMBSTONES_PER_RUN", 2)
    dream = erasure.dreams.analyzed_dream()
    for _ in range(5):
        erasure.dreams.completed_video(dream)

    erasure.delete_dream(dream.dream_id)
    erasure.run_execution()

    assert erasure.machine.entered.count("CancelRenders") == 3
    assert erasure.remains_of(dream.dream_id) == []
    assert erasure.dreams.media_keys() == []


def test_deleting_a_dream_survives_a_crash_at_every_call(erasure: ErasureBackend) -> None:
    """Kill the n-th attempt at its n-th call, until one completes."""
    videos = populated_account(erasure)
    (dream_id, mine), (other_id, _), (pending_id, _) = videos.items()
    for number in itertools.count(1):
        erasure.kill_at_call(number)
        with suppress(Killed):
            erasure.delete_dream(dream_id)
            erasure.run_execution()
            break
    erasure.kill_at_call(None)

    assert number > 20
    assert erasure.remains_of(dream_id, *(video.job_id for video in mine)) == []
    profile = erasure.dreams.profile()
    assert (profile.dreams_count, profile.videos_count) == (2, 1)
    assert profile.dreams_by_category == {**dict.fromkeys(Category, 0), Category.GOTHIC: 1}
    assert status_of("/api/v1/dreams/{dream_id}", dream_id=other_id) == 200
    assert status_of("/api/v1/dreams/{dream_id}", dream_id=pending_id) == 200


def test_the_execution_completes_a_crashed_request(erasure: ErasureBackend) -> None:
    """The client does not retry; the execution completes the request."""
    for number in itertools.count(1):
        dream = erasure.dreams.analyzed_dream()
        erasure.dreams.completed_video(dream)
        erasure.kill_at_call(number)
        done = False
        with suppress(Killed):
            erasure.delete_dream(dream.dream_id)
            done = True
        erasure.kill_at_call(None)
        name = next((name for name in erasure.erasures.started if dream.dream_id in name), None)
        if name is not None:
            erasure.machine.run(erasure.erasures.started[name])
            assert erasure.remains_of(dream.dream_id) == []
        else:
            assert status_of("/api/v1/dreams/{dream_id}", dream_id=dream.dream_id) == 200
        if done:
            break
    assert number > 5


def test_tombstones_are_not_broadcast(erasure: ErasureBackend) -> None:
    """Tombstones appear in the streams of the tables and are ignored there."""
    created = erasure.dreams.pending_video()
    dream = erasure.dreams.analyzed_dream()
    erasure.dreams.completed_video(dream)
    names = erasure.dreams.database.names
    erasure.delete_dream(dream.dream_id)
    erasure.delete_dream(created.dream_id)

    low = boto3.client("dynamodb", region_name=REGION)
    for table in (names.dreams_table, names.videos_table):
        notes = [item for item in low.scan(TableName=table)["Items"] if item["user_id"]["S"].startswith("erasing#")]
        assert len(notes) == 2
        for note in notes:
            source = f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/now"
            record = {"eventSourceARN": source, "dynamodb": {"NewImage": note, "SequenceNumber": "1"}}
            assert change_in(record, names) is None
