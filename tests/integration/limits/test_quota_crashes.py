"""Quotas of videos whatever crashes in between: given back when nothing was spent, and once."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import derived_id, new_id
from dreamvision.database.client import Database
from dreamvision.erasure.account import user_guards
from dreamvision.limits.rate_limits import CODE_SCOPES, RateLimits, RateSettings, Scope
from dreamvision.limits.repository import LimitsRepository
from dreamvision.rendering.errors import RenderBusyError, RenderCancelUnconfirmedError, RenderOutcomeUnknownError
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.videos.models import Media, VideoFinalError, VideoRecord
from dreamvision.videos.service import CreatedVideo
from dreamvision.videos.sweeper import SweepIncompleteError
from dreamvision.videos.workflow import WorkflowUnavailableError
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.integration.emulator import guards
from tests.integration.limits.fixtures import DREAM, PLENTY, PowerCutError, World, in_parallel


@pytest.fixture
def world(emulated: Database) -> World:
    return World(emulated)


# ---------------------------------------------------------------- crashes


def test_a_crash_before_the_rows_are_written_reserves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "transact_write", cut)
    with pytest.raises(PowerCutError):
        world.film()
    assert world.counts == (0, 0, 0)


def cut(*_: object, **__: object) -> None:
    raise PowerCutError


def test_a_crash_before_the_execution_starts_gives_everything_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.workflow, "start", cut)
    with pytest.raises(PowerCutError):
        world.film()
    assert world.counts == (1, 1, 1)

    # a request that may still be at work is left alone
    assert world.sweep(later=timedelta()) == (0, 0)
    assert world.counts == (1, 1, 1)
    # AND closed once it cannot be any more
    assert world.sweep() == (1, 1)
    assert world.counts == (0, 0, 0)
    video = world.only_video
    assert (video.status, video.error_code) == (VideoStatus.FAILED, "WorkflowUnavailableError")
    assert video.error_message == WorkflowUnavailableError.user_message
    dream = world.dreams.get(USER_ID, video.dream_id, consistent=True)
    assert (dream.analysis_status, dream.video_status) == (AnalysisStatus.FAILED, VideoStatus.FAILED)
    # AND never looked at again
    assert world.sweep() == (0, 0)


def test_a_rendering_that_could_not_be_stopped_is_stopped_by_the_next_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a rendering whose execution ended without closing the video, and a provider that is down
    video = world.film()
    world.analyzed(video)
    world.render(video)
    world.states.executions[video.job_id] = "FAILED"

    def down(_: str) -> None:
        raise RenderCancelUnconfirmedError

    with monkeypatch.context() as outage:
        outage.setattr(world.renderer, "cancel", down)
        with pytest.raises(SweepIncompleteError):
            world.sweep()
    assert world.status(video) is VideoStatus.PROCESSING

    # WHEN the provider is up again
    assert world.sweep() == (1, 1)

    # THEN the rendering is stopped, and the video closed
    assert world.renderer.cancelled == world.renderer.task_ids
    assert world.status(video) is VideoStatus.FAILED


def test_a_rendering_that_nobody_has_any_more_keeps_no_video_open(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    world.render(video)
    world.states.executions[video.job_id] = "FAILED"

    assert world.sweep(later=timedelta(days=3)) == (1, 1)

    assert (world.renderer.cancelled, world.status(video)) == ([], VideoStatus.FAILED)


def test_a_running_execution_is_left_alone(world: World) -> None:
    video = world.film()
    assert world.sweep() == (1, 0)
    assert world.status(video) is VideoStatus.PENDING
    assert world.counts == (1, 1, 1)


def test_an_execution_that_did_not_start_gives_everything_back(world: World) -> None:
    world.states.unreachable = True
    with pytest.raises(WorkflowUnavailableError):
        world.film()
    assert world.counts == (0, 0, 0)


def test_an_execution_whose_start_was_not_confirmed_finds_its_video_closed(world: World) -> None:
    world.states.answer_lost = True
    with pytest.raises(WorkflowUnavailableError):
        world.film()
    video = world.only_video
    assert world.counts == (0, 0, 0)
    # The machine goes on until it wants to spend: not one request reaches the renderer.
    with pytest.raises(DreamVisionError):
        world.render(video)
    assert world.renderer.started == []
    assert world.counts == (0, 0, 0)


@pytest.mark.parametrize("how", ["state", "rule", "sweep"])
def test_a_crash_before_the_renderer_is_asked_gives_everything_back(world: World, how: str) -> None:
    video = world.film()
    world.analyzed(video)
    end(world, video, how)
    assert world.counts == (0, 0, 0)


def end(world: World, video: VideoRecord, how: str) -> None:
    """Whoever closes it: the state RecordFailure, the rule on stopped executions, the sweep."""
    world.states.executions[video.job_id] = "FAILED"
    if how == "state":
        world.fail(video)
    elif how == "rule":
        world.stop(video)
    else:
        assert world.sweep() == (1, 1)
    assert world.status(video) is VideoStatus.FAILED


class DyingRenderer(FakeRenderer):
    """The process dies while it waits for the answer; ``created`` is whether there is a task by then."""

    def start(self, prompt: str, duration_seconds: int) -> Any:
        super().start(prompt, duration_seconds)
        raise PowerCutError


@pytest.mark.parametrize("how", ["state", "rule", "sweep"])
def test_a_crash_while_the_renderer_is_asked_counts_as_spent(world: World, how: str) -> None:
    video = world.film()
    world.analyzed(video)
    with pytest.raises(PowerCutError):
        world.render(video, DyingRenderer())
    # a retry of the state does not ask again
    with pytest.raises(RenderOutcomeUnknownError):
        world.render(video)
    assert world.renderer.started == []
    end(world, video, how)
    assert world.counts == (1, 0, 1)


def test_a_lost_answer_counts_as_spent(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    with pytest.raises(RenderOutcomeUnknownError):
        world.render(video, FakeRenderer(start_error=RenderOutcomeUnknownError()))
    world.fail(video)
    assert world.counts == (1, 0, 1)


def test_a_refusal_of_the_renderer_gives_everything_back(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    with pytest.raises(RenderBusyError):
        world.render(video, FakeRenderer(start_error=RenderBusyError()))
    world.fail(video)
    assert world.counts == (0, 0, 0)


def test_a_refusal_that_is_tried_again_with_success_is_spent(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    with pytest.raises(RenderBusyError):
        world.render(video, FakeRenderer(start_error=RenderBusyError()))
    world.render(video)
    world.fail(video)
    assert world.counts == (1, 0, 1)


@pytest.mark.parametrize("how", ["rule", "sweep"])
def test_a_crash_while_it_renders_is_spent_and_cancelled(world: World, how: str) -> None:
    video = world.film()
    world.analyzed(video)
    world.render(video)
    end(world, video, how)
    assert world.counts == (1, 0, 1)
    assert world.renderer.cancelled == world.renderer.task_ids


def test_a_completed_video_keeps_the_day_and_frees_the_place(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    world.render(video)
    media = Media("videos/v.mp4", "thumbnails/t.jpg", None, 1280, 720)
    current = world.videos.get(USER_ID, video.job_id, consistent=True)
    world.videos.complete(current, media, utc_now())
    assert world.counts == (1, 0, 1)
    with pytest.raises(VideoFinalError):
        world.videos.complete(current, media, utc_now())
    assert world.counts == (1, 0, 1)


def test_nothing_is_completed_of_an_account_that_is_being_erased(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    world.render(video)
    ProfileRepository(world.database).mark_erasing(USER_ID, utc_now())
    current = world.videos.get(USER_ID, video.job_id, consistent=True)
    with pytest.raises(VideoFinalError):
        world.videos.complete(current, Media("videos/v.mp4", "thumbnails/t.jpg", None, 1280, 720), utc_now())
    assert world.counts == (1, 1, 1)
    # AND closing it still gives the place back
    world.fail(video)
    assert world.counts == (1, 0, 1)


# ---------------------------------------------------------------- twice, and at the same time


def test_giving_back_twice_gives_back_once(world: World) -> None:
    other = world.film()
    video = world.film()
    for _ in range(3):
        world.fail(video)
        world.stop(video)
    assert world.counts == (1, 1, 1)
    assert world.status(other) is VideoStatus.PENDING


def test_closing_at_the_same_time_gives_back_once(world: World) -> None:
    world.film()
    video = world.film()
    assert {type(result) for result in in_parallel(lambda: world.fail(video), 20)} == {VideoRecord}
    assert world.counts == (1, 1, 1)


def test_sweeps_at_the_same_time_close_once(world: World) -> None:
    videos = [world.film(), world.film()]
    world.states.executions.clear()
    in_parallel(world.sweep, 8)
    assert {world.status(video) for video in videos} == {VideoStatus.FAILED}
    assert world.counts == (0, 0, 0)


def test_the_renderer_asked_in_the_moment_of_closing_counts_as_spent(world: World) -> None:
    # GIVEN somebody who has read the row before the renderer is asked
    video = world.film()
    world.analyzed(video)
    stale = world.videos.get(USER_ID, video.job_id, consistent=True)
    world.videos.request_render(USER_ID, video.job_id, utc_now())
    # WHEN it is closed by what was read
    world.videos._move(stale, VideoStatus.FAILED, utc_now(), {})
    # THEN what is given back is decided by what is true
    assert world.counts == (1, 0, 1)


def test_the_request_taken_back_in_the_moment_of_closing_gives_everything_back(world: World) -> None:
    video = world.film()
    world.analyzed(video)
    stale = world.videos.request_render(USER_ID, video.job_id, utc_now())
    world.videos.withdraw_render_request(USER_ID, video.job_id, utc_now())
    world.videos._move(stale, VideoStatus.CANCELLED, utc_now(), {})
    assert world.counts == (0, 0, 0)


def test_a_refusal_after_the_closing_gives_the_day_back_once(world: World) -> None:
    # GIVEN a video that is closed while the renderer is asked: it may have been spent
    video = world.film()
    world.analyzed(video)

    class ClosedMeanwhile(FakeRenderer):
        def start(self, prompt: str, duration_seconds: int) -> Any:
            world.fail(video)
            assert world.counts == (1, 0, 1)
            raise RenderBusyError

    # WHEN the renderer refuses THEN nothing was spent
    with pytest.raises(RenderBusyError):
        world.render(video, ClosedMeanwhile())
    assert world.counts == (0, 0, 0)
    in_parallel(lambda: world.videos.withdraw_render_request(USER_ID, video.job_id, utc_now()), 5)
    assert world.counts == (0, 0, 0)


def test_an_erasure_knows_all_that_stands_under_the_users_id(world: World) -> None:
    world.film()
    limits = RateLimits(LimitsRepository(world.database), RateSettings())
    for scope in set(Scope) - CODE_SCOPES:
        limits.count_user(scope, USER_ID)
    under_the_id = {guard for guard in guards(world.database) if USER_ID in guard} - {f"rate#auth#{USER_ID}"}
    assert len(under_the_id) == 6
    for moment in (utc_now(), utc_now() + timedelta(days=2)):
        assert under_the_id <= set(user_guards(Profile(user_id=USER_ID), moment))


def test_counts_that_were_erased_do_not_keep_a_video_open(world: World) -> None:
    video = world.film()
    for guard in guards(world.database):
        world.database.client.delete_item(TableName=world.database.names.guards_table, Key={"guard": guard})
    world.fail(video)
    assert world.status(video) is VideoStatus.FAILED
    assert guards(world.database) == {}


def test_a_deleted_dream_does_not_keep_a_video_open(world: World) -> None:
    video = world.film()
    key = {"user_id": USER_ID, "dream_id": video.dream_id}
    world.database.client.delete_item(TableName=world.database.names.dreams_table, Key=key)
    world.fail(video)
    assert world.counts == (0, 0, 0)
    assert "Item" not in world.database.client.get_item(TableName=world.database.names.dreams_table, Key=key)


def test_one_bad_video_does_not_keep_the_others_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = world.film(), world.film()
    world.states.executions.clear()
    status = world.workflow.status

    def broken(job_id: str) -> str | None:
        if job_id == bad.job_id:
            raise PowerCutError
        return status(job_id)

    monkeypatch.setattr(world.workflow, "status", broken)
    with pytest.raises(SweepIncompleteError):
        world.sweep()
    assert (world.status(bad), world.status(good)) == (VideoStatus.PENDING, VideoStatus.FAILED)
    monkeypatch.undo()
    assert world.sweep() == (1, 1)
    assert world.counts == (0, 0, 0)


def test_any_order_of_events_ends_with_the_right_counts(emulated: Database) -> None:
    """Whatever a random operator does to ten videos, the counts are what the rows say."""
    world = World(emulated, **PLENTY)
    chance = random.Random(20261123)
    videos = [world.film() for _ in range(10)]
    for video in videos:
        world.analyzed(video)
    steps: list[Callable[[VideoRecord], Any]] = [
        world.render,
        world.fail,
        world.stop,
        lambda video: world.videos.request_render(USER_ID, video.job_id, utc_now()),
        lambda video: world.videos.withdraw_render_request(USER_ID, video.job_id, utc_now()),
        lambda _: world.sweep(),
    ]

    def act(_: int) -> None:
        step, video = chance.choice(steps), chance.choice(videos)
        try:
            step(video)
        except DreamVisionError:
            pass
        except world.database.client.exceptions.ConditionalCheckFailedException:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(80)))
    found = [world.videos.get(USER_ID, video.job_id, consistent=True) for video in videos]
    running = sum(not video.status.is_final for video in found)
    kept = sum(not video.status.is_final or video.render_requested_at is not None for video in found)
    assert world.counts == (kept, running, kept)


# ---------------------------------------------------------------- runs that broke off


def test_a_second_run_meets_the_rows_of_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = new_id()
    monkeypatch.setattr(world.workflow, "start", cut)
    with pytest.raises(PowerCutError):
        world.filming.create_with_dream(USER_ID, DREAM, 5, seed=seed)
    monkeypatch.undo()

    first = world.filming.create_with_dream(USER_ID, DREAM, 5, seed=seed)
    again = world.filming.create_with_dream(USER_ID, DREAM, 5, seed=seed)

    assert first == again == CreatedVideo(derived_id(seed, "dream"), first.video)
    assert world.states.started == [first.video.job_id] * 2  # the same name: one execution
    assert len(world.states.executions) == 1
    assert world.counts == (1, 1, 1)


def test_a_second_run_after_the_sweep_is_told_that_the_first_failed(world: World) -> None:
    seed = new_id()
    world.filming.create_with_dream(USER_ID, DREAM, 5, seed=seed)
    world.states.executions.clear()
    world.sweep()
    with pytest.raises(WorkflowUnavailableError):
        world.filming.create_with_dream(USER_ID, DREAM, 5, seed=seed)
    assert world.counts == (0, 0, 0)
