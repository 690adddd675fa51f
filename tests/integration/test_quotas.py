"""Quotas of videos: exact under concurrency, given back when nothing was spent, whatever crashes in between."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from dreamvision.clock import utc_now
from dreamvision.errors import DreamVisionError
from dreamvision.failing import close_stopped, record_failure
from dreamvision.filming import Accepted, Filming, FilmingSettings
from dreamvision.ids import derived_id, new_id
from dreamvision.limits import RateLimits, RateSettings, Scope, guards_of
from dreamvision.models.dreams import AnalysisStatus
from dreamvision.models.videos import VideoStatus
from dreamvision.producing import start_render
from dreamvision.quotas import (
    ServiceQuotaExceededError,
    TooManyRunningVideosError,
    VideoQuotaExceededError,
    day_of,
)
from dreamvision.rendering import (
    RenderBusyError,
    RenderCancelUnconfirmedError,
    RenderOutcomeUnknownError,
    VideoRenderer,
)
from dreamvision.sweeping import GRACE, SweepIncompleteError, sweep
from dreamvision.tables import guards as guards_module
from dreamvision.tables.database import Database
from dreamvision.tables.dreams import DreamNotFoundError, Dreams
from dreamvision.tables.guards import SERVICE_SHARDS, Guards
from dreamvision.tables.profiles import Profile, Profiles
from dreamvision.tables.video_rows import Media, VideoFinalError, VideoRecord
from dreamvision.tables.videos import Videos
from dreamvision.workflow import Workflow, WorkflowUnavailableError
from tests.fakes.claude import FakeAnalyst
from tests.fakes.contended_tables import ContendedTables
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.fakes.step_functions import MACHINE, FakeStepFunctions
from tests.integration.emulator import counts, guards

DREAM = "I was flying over a dark forest with twisted trees"
PLENTY = {"free_videos_per_day": 1000, "free_concurrent_videos": 1000, "service_videos_per_day": 100_000}


class PowerCutError(Exception):
    """The process ends here."""


class World:
    """The service with one user, and Step Functions."""

    def __init__(self, database: Database, **settings: int) -> None:
        self.database = database
        self.states = FakeStepFunctions()
        self.workflow = Workflow(MACHINE, cast(Any, self.states))
        self.videos = Videos(database)
        self.dreams = Dreams(database)
        self.renderer = FakeRenderer()
        self.filming = Filming(
            database,
            self.workflow,
            FilmingSettings(state_machine_arn=MACHINE, poll_first_wait=1, **settings),
        )

    def film(self, user_id: str = USER_ID) -> VideoRecord:
        return self.filming.film_new_dream(user_id, DREAM, 5).video

    def analyzed(self, video: VideoRecord) -> None:
        """The state AnalyzeDream."""
        self.dreams.complete_analysis(video.user_id, video.dream_id, FakeAnalyst().analyze(DREAM), 5, utc_now())

    def render(self, video: VideoRecord, renderer: VideoRenderer | None = None) -> None:
        """The state GenerateVideo."""
        start_render(video.user_id, video.job_id, renderer or self.renderer, self.dreams, self.videos)

    def fail(self, video: VideoRecord) -> VideoRecord:
        return record_failure(video.user_id, video.job_id, "UnforeseenError", self.videos)

    def stop(self, video: VideoRecord) -> None:
        """What the rule on stopped executions does."""
        close_stopped(video.user_id, video.job_id, "FAILED", self.videos, self.renderer)

    def sweep(self, later: timedelta = GRACE + timedelta(seconds=1)) -> tuple[int, int]:
        return sweep(self.videos, self.workflow, lambda: self.renderer, utc_now() + later)

    def status(self, video: VideoRecord) -> VideoStatus:
        return self.videos.get(video.user_id, video.job_id, consistent=True).status

    @property
    def only_video(self) -> VideoRecord:
        (row,) = self.database.client.scan(TableName=self.database.names.videos_table)["Items"]
        return VideoRecord.model_validate(row)

    @property
    def counts(self) -> tuple[int, int, int]:
        return counts(self.database)


@pytest.fixture
def world(emulated: Database) -> World:
    return World(emulated)


def in_parallel[Result](work: Callable[[], Result], times: int) -> list[Result | DreamVisionError]:
    def attempt(_: int) -> Result | DreamVisionError:
        try:
            return work()
        except DreamVisionError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(attempt, range(times)))


# ---------------------------------------------------------------- the numbers


def test_a_free_user_has_two_videos_at_a_time_and_five_a_day(world: World) -> None:
    first, _ = world.film(), world.film()
    with pytest.raises(TooManyRunningVideosError) as running:
        world.film()
    assert running.value.retry_after_seconds == 30
    assert world.counts == (2, 2, 2)

    made = [first]
    for _ in range(3):
        spent(world, made[-1])
        made.append(world.film())
    spent(world, made[-1])
    with pytest.raises(VideoQuotaExceededError) as exceeded:
        world.film()
    assert 1 <= exceeded.value.retry_after_seconds <= 86_400
    assert world.counts == (5, 1, 5)


def spent(world: World, video: VideoRecord) -> None:
    """The video was paid for and failed."""
    world.analyzed(video)
    world.render(video)
    world.fail(video)


def test_a_premium_user_has_five_at_a_time(world: World) -> None:
    world.database.client.put_item(
        TableName=world.database.names.profiles_table, Item={"user_id": USER_ID, "subscription_tier": "premium"}
    )
    for _ in range(5):
        world.film()
    with pytest.raises(TooManyRunningVideosError):
        world.film()


def test_a_new_day_has_new_videos(emulated: Database) -> None:
    world = World(emulated, free_videos_per_day=1)
    world.film()
    limits = FilmingSettings(state_machine_arn=MACHINE, poll_first_wait=1, free_videos_per_day=1).of_tier("free")
    tomorrow = utc_now() + timedelta(days=1)
    video = world.videos.add_with_dream(USER_ID, new_id(), new_id(), DREAM, 5, tomorrow, limits)
    assert video.quota_day == day_of(tomorrow)
    # AND what is given back is given back to the day it was counted on
    world.fail(video)
    days = {guard: item["videos"] for guard, item in guards(emulated).items() if guard.startswith("quota#day#")}
    assert days == {
        f"quota#day#{USER_ID}#{day_of(utc_now())}": Decimal(1),
        f"quota#day#{USER_ID}#{day_of(tomorrow)}": Decimal(0),
    }


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"free_videos_per_day": 0}, VideoQuotaExceededError),
        ({"free_concurrent_videos": 0}, TooManyRunningVideosError),
        ({"service_videos_per_day": 0}, ServiceQuotaExceededError),
    ],
)
def test_none_at_all_means_none_at_all(emulated: Database, settings: dict[str, int], error: type[Exception]) -> None:
    world = World(emulated, **settings)
    with pytest.raises(error):
        world.film()
    assert world.counts == (0, 0, 0)


def test_a_refused_request_writes_nothing(emulated: Database) -> None:
    world = World(emulated, free_concurrent_videos=1)
    world.film()
    before = rows(emulated)
    with pytest.raises(TooManyRunningVideosError):
        world.film()
    assert rows(emulated) == before


def rows(database: Database) -> list[list[dict[str, Any]]]:
    names = database.names
    tables = (names.dreams_table, names.videos_table, names.profiles_table, names.guards_table)
    return [sorted(database.client.scan(TableName=table)["Items"], key=str) for table in tables]


def test_an_unknown_dream_comes_before_the_quota(emulated: Database) -> None:
    world = World(emulated, free_videos_per_day=0)
    with pytest.raises(DreamNotFoundError):
        world.filming.film_dream(USER_ID, new_id(), 5)


def test_one_more_video_of_a_dream_is_counted_too(world: World) -> None:
    first = world.film()
    world.analyzed(first)
    world.filming.film_dream(USER_ID, first.dream_id, 5)
    assert world.counts == (2, 2, 2)
    with pytest.raises(TooManyRunningVideosError):
        world.filming.film_dream(USER_ID, first.dream_id, 5)


# ---------------------------------------------------------------- at the same time


def test_of_fifty_requests_of_one_user_exactly_two_pass(world: World) -> None:
    results = in_parallel(world.film, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 2
    assert {type(result) for result in results} == {VideoRecord, TooManyRunningVideosError}
    assert world.counts == (2, 2, 2)
    assert len(world.states.started) == 2


def test_of_fifty_requests_of_one_user_exactly_a_days_videos_pass(emulated: Database) -> None:
    world = World(emulated, free_concurrent_videos=100)
    results = in_parallel(world.film, 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == 5
    assert world.counts == (5, 5, 5)


@pytest.mark.parametrize("ceiling", [3, 20])
def test_of_fifty_users_exactly_the_services_ceiling_pass(emulated: Database, ceiling: int) -> None:
    world = World(emulated, service_videos_per_day=ceiling)
    results = in_parallel(lambda: world.film(new_id()), 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == ceiling
    assert {type(result) for result in results} == {VideoRecord, ServiceQuotaExceededError}
    assert world.counts == (ceiling, ceiling, ceiling)


def test_what_is_given_back_can_be_had_again_up_to_the_ceiling(emulated: Database) -> None:
    world = World(emulated, **(PLENTY | {"service_videos_per_day": 10}))
    videos = [world.film() for _ in range(10)]
    with pytest.raises(ServiceQuotaExceededError):
        world.film()
    random.Random(1).shuffle(videos)
    for video in videos[:4]:
        world.fail(video)
    assert [type(world.film()) for _ in range(4)] == [VideoRecord] * 4
    with pytest.raises(ServiceQuotaExceededError):
        world.film()


def test_fifty_users_at_the_same_time_do_not_wait_for_each_other(
    emulated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transactions of 10 ms that refuse each other where they meet. Measured: with one item for the service's count 190
    conflicts and a quarter of the requests refused as busy, with eight items 20 conflicts and none refused."""
    conflicts = {}
    for shards in (SERVICE_SHARDS, 1):
        monkeypatch.setattr(guards_module, "SERVICE_SHARDS", shards)
        monkeypatch.setattr("dreamvision.tables.videos.SERVICE_SHARDS", shards)
        contended = ContendedTables(emulated.client, seconds=0.01)
        world = World(Database(emulated.names, cast(Any, contended)))
        results = in_parallel(lambda world=world: world.film(new_id()), 50)  # type: ignore[misc]
        conflicts[shards] = contended.conflicts
        if shards == SERVICE_SHARDS:
            assert {type(result) for result in results} == {VideoRecord}
    assert conflicts[SERVICE_SHARDS] < conflicts[1]


# ---------------------------------------------------------------- crashes


def test_a_crash_before_the_rows_are_written_reserves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "write_together", cut)
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
    Profiles(world.database).begin_erasing(USER_ID, utc_now())
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
    limits = RateLimits(Guards(world.database), RateSettings())
    for scope in Scope:
        limits.count_user(scope, USER_ID)
    under_the_id = {guard for guard in guards(world.database) if USER_ID in guard} - {f"rate#auth#{USER_ID}"}
    assert len(under_the_id) == 6
    for moment in (utc_now(), utc_now() + timedelta(days=2)):
        assert under_the_id <= set(guards_of(Profile(user_id=USER_ID), moment))


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
    status_of = world.workflow.status_of

    def broken(job_id: str) -> str | None:
        if job_id == bad.job_id:
            raise PowerCutError
        return status_of(job_id)

    monkeypatch.setattr(world.workflow, "status_of", broken)
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
        world.filming.film_new_dream(USER_ID, DREAM, 5, seed=seed)
    monkeypatch.undo()

    first = world.filming.film_new_dream(USER_ID, DREAM, 5, seed=seed)
    again = world.filming.film_new_dream(USER_ID, DREAM, 5, seed=seed)

    assert first == again == Accepted(derived_id(seed, "dream"), first.video)
    assert world.states.started == [first.video.job_id] * 2  # the same name: one execution
    assert len(world.states.executions) == 1
    assert world.counts == (1, 1, 1)


def test_a_second_run_after_the_sweep_is_told_that_the_first_failed(world: World) -> None:
    seed = new_id()
    world.filming.film_new_dream(USER_ID, DREAM, 5, seed=seed)
    world.states.executions.clear()
    world.sweep()
    with pytest.raises(WorkflowUnavailableError):
        world.filming.film_new_dream(USER_ID, DREAM, 5, seed=seed)
    assert world.counts == (0, 0, 0)


def test_counts_lapse_after_the_day_is_over(world: World) -> None:
    world.film()
    for item in guards(world.database).values():
        assert int(item["expires_at"]) - time.time() > 2 * 86_400
