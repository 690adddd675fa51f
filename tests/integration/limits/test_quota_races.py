"""Quotas under concurrent and repeated closing: a reservation is released once."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.erasure.account import user_guards
from dreamvision.limits.rate_limits import USER_SCOPES, RateLimits, RateSettings
from dreamvision.limits.repository import LimitsRepository
from dreamvision.rendering.errors import RenderBusyError
from dreamvision.schemas.videos import VideoStatus
from dreamvision.users.repository import Profile
from dreamvision.videos.models import VideoRecord
from dreamvision.videos.sweeper import SweepIncompleteError
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.integration.limits.fixtures import PLENTY, PowerCutError, QuotaBackend, in_parallel
from tests.integration.ministack import guard_items


def test_closing_a_video_repeatedly_releases_once(backend: QuotaBackend) -> None:
    other = backend.create_video()
    video = backend.create_video()
    for _ in range(3):
        backend.record_failure(video)
        backend.close_stopped(video)
    assert backend.reservations == (1, 1, 1)
    assert backend.status(other) is VideoStatus.PENDING


def test_concurrent_closing_releases_once(backend: QuotaBackend) -> None:
    backend.create_video()
    video = backend.create_video()
    assert {type(result) for result in in_parallel(lambda: backend.record_failure(video), 20)} == {VideoRecord}
    assert backend.reservations == (1, 1, 1)


def test_concurrent_sweeps_close_each_video_once(backend: QuotaBackend) -> None:
    videos = [backend.create_video(), backend.create_video()]
    backend.states.executions.clear()
    in_parallel(backend.sweep, 8)
    assert {backend.status(video) for video in videos} == {VideoStatus.FAILED}
    assert backend.reservations == (0, 0, 0)


def test_a_render_requested_while_closing_counts_as_spent(backend: QuotaBackend) -> None:
    # GIVEN a row that was read before the render was requested
    video = backend.create_video()
    backend.complete_analysis(video)
    stale = backend.videos.get(USER_ID, video.job_id, consistent=True)
    backend.videos.request_render(USER_ID, video.job_id, utc_now())
    # WHEN the video is closed from the stale row
    backend.videos._move(stale, VideoStatus.FAILED, utc_now(), {})
    # THEN the current row decides what is released
    assert backend.reservations == (1, 0, 1)


def test_a_render_request_withdrawn_while_closing_releases_everything(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    stale = backend.videos.request_render(USER_ID, video.job_id, utc_now())
    backend.videos.withdraw_render_request(USER_ID, video.job_id, utc_now())
    backend.videos._move(stale, VideoStatus.CANCELLED, utc_now(), {})
    assert backend.reservations == (0, 0, 0)


def test_a_rejection_after_closing_releases_the_day_once(backend: QuotaBackend) -> None:
    # GIVEN a video that is closed during the render request: it may have been spent
    video = backend.create_video()
    backend.complete_analysis(video)

    class ClosedMeanwhile(FakeRenderer):
        def start(self, *arguments: Any, **options: Any) -> Any:
            backend.record_failure(video)
            assert backend.reservations == (1, 0, 1)
            raise RenderBusyError

    # WHEN the renderer rejects it, THEN nothing was spent
    with pytest.raises(RenderBusyError):
        backend.start_render(video, ClosedMeanwhile())
    assert backend.reservations == (0, 0, 0)
    in_parallel(lambda: backend.videos.withdraw_render_request(USER_ID, video.job_id, utc_now()), 5)
    assert backend.reservations == (0, 0, 0)


def test_an_erasure_covers_every_guard_with_the_users_id(backend: QuotaBackend) -> None:
    backend.create_video()
    limits = RateLimits(LimitsRepository(backend.database), RateSettings())
    for scope in USER_SCOPES:
        limits.count_user(scope, USER_ID)
    under_the_id = {guard for guard in guard_items(backend.database) if USER_ID in guard}
    assert len(under_the_id) == 2 + len(USER_SCOPES)
    for moment in (utc_now(), utc_now() + timedelta(days=2)):
        assert under_the_id <= set(user_guards(Profile(user_id=USER_ID), moment, str))


def test_a_video_is_closed_even_if_its_quota_items_are_gone(backend: QuotaBackend) -> None:
    video = backend.create_video()
    for guard in guard_items(backend.database):
        backend.database.client.delete_item(TableName=backend.database.names.guards_table, Key={"guard": guard})
    backend.record_failure(video)
    assert backend.status(video) is VideoStatus.FAILED
    assert guard_items(backend.database) == {}


def test_a_video_is_closed_even_if_its_dream_is_gone(backend: QuotaBackend) -> None:
    video = backend.create_video()
    key = {"user_id": USER_ID, "dream_id": video.dream_id}
    backend.database.client.delete_item(TableName=backend.database.names.dreams_table, Key=key)
    backend.record_failure(video)
    assert backend.reservations == (0, 0, 0)
    assert "Item" not in backend.database.client.get_item(TableName=backend.database.names.dreams_table, Key=key)


def test_the_sweep_closes_other_videos_if_one_fails(backend: QuotaBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = backend.create_video(), backend.create_video()
    backend.states.executions.clear()
    status = backend.workflow.status

    def broken(job_id: str) -> str | None:
        if job_id == bad.job_id:
            raise PowerCutError
        return status(job_id)

    monkeypatch.setattr(backend.workflow, "status", broken)
    with pytest.raises(SweepIncompleteError):
        backend.sweep()
    assert (backend.status(bad), backend.status(good)) == (VideoStatus.PENDING, VideoStatus.FAILED)
    monkeypatch.undo()
    assert backend.sweep() == (1, 1)
    assert backend.reservations == (0, 0, 0)


def test_any_order_of_events_leaves_correct_counts(ministack: Database) -> None:
    """Random operations on ten videos leave counts that match the rows."""
    backend = QuotaBackend(ministack, **PLENTY)
    chance = random.Random(20261123)
    videos = [backend.create_video() for _ in range(10)]
    for video in videos:
        backend.complete_analysis(video)
    steps: list[Callable[[VideoRecord], Any]] = [
        backend.start_render,
        backend.record_failure,
        backend.close_stopped,
        lambda video: backend.videos.request_render(USER_ID, video.job_id, utc_now()),
        lambda video: backend.videos.withdraw_render_request(USER_ID, video.job_id, utc_now()),
        lambda _: backend.sweep(),
    ]

    def act(_: int) -> None:
        step, video = chance.choice(steps), chance.choice(videos)
        try:
            step(video)
        except DreamVisionError:
            pass
        except backend.database.client.exceptions.ConditionalCheckFailedException:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(80)))
    found = [backend.videos.get(USER_ID, video.job_id, consistent=True) for video in videos]
    running = sum(not video.status.is_final for video in found)
    stored = sum(not video.status.is_final or video.render_requested_at is not None for video in found)
    assert backend.reservations == (stored, running, stored)
