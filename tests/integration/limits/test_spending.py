"""What the service has spent: counted with the analyses and videos, nothing twice and nothing lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.limits.quotas import SERVICE_SHARDS, day_of
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import Spent, days_of_month, shard_of, shards_on
from dreamvision.rendering.errors import RenderCancelledError
from dreamvision.rendering.renderer import FailureKind, RenderFailure, RenderState, RenderStatus
from dreamvision.users.repository import ProfileRepository
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoFinalError, VideoNotFoundError, VideoRecord
from dreamvision.videos.render import poll_render
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer
from tests.integration.limits.fixtures import DREAM
from tests.integration.ministack import guard_items

pytestmark = pytest.mark.usefixtures("noon")

LUNA, STELLA = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
LONG_TEXT = "".join(chr(0x4E00 + 17 * number % 20_000) for number in range(2000))
ANALYSIS = replace(FakeAnalyzer().analyze(DREAM), input_tokens=1000, output_tokens=200, model="claude-sonnet-5-5")
# 1,000 tokens at $2 and 200 at $10 per million.
ANALYSIS_COST = Decimal(4000)
CREDITS, RENDER_COST = 60, Decimal(600_000)
MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", "thumbnails/t/j.webp", 1280, 720)


def spent(database: Database, moment: datetime | None = None) -> Spent:
    return LimitsRepository(database).spending(shards_on(day_of(moment or utc_now())))


def due(database: Database, user_id: str = LUNA) -> Decimal:
    return ProfileRepository(database).get(user_id, consistent=True).due


def analyze(database: Database, text: str = DREAM, user_id: str = LUNA) -> str:
    return DreamRepository(database).add_analyzed(user_id, new_id(), text, ANALYSIS, 5, utc_now()).dream_id


def processing_video(database: Database, dream_id: str, user_id: str = LUNA) -> VideoRecord:
    videos, job_id = VideoLifecycle(database), new_id()
    videos.add(user_id, job_id, dream_id, 5, utc_now())
    videos.request_render(user_id, job_id, utc_now())
    videos.record_render(user_id, job_id, job_id, CREDITS, utc_now())
    return videos.get(user_id, job_id, consistent=True)


def complete(database: Database, video: VideoRecord) -> None:
    VideoLifecycle(database).complete(video, MEDIA, utc_now())


def test_an_analysis_is_counted_with_its_dream(ministack: Database) -> None:
    analyze(ministack)
    assert spent(ministack) == Spent(0, ANALYSIS_COST, Decimal(0))
    assert due(ministack) == 0


def test_a_pending_dreams_analysis_is_counted_once(ministack: Database) -> None:
    video = VideoLifecycle(ministack).add_with_dream(LUNA, new_id(), new_id(), LONG_TEXT, 5, utc_now())
    for _ in range(2):
        DreamRepository(ministack).complete_analysis(LUNA, video.dream_id, ANALYSIS, 5, utc_now())
    assert spent(ministack) == Spent(0, ANALYSIS_COST, Decimal(0))


def test_a_video_is_counted_once_it_is_completed(ministack: Database) -> None:
    video = processing_video(ministack, analyze(ministack))
    assert spent(ministack).videos == 0
    complete(ministack, video)
    with pytest.raises(VideoFinalError):
        complete(ministack, video)
    assert spent(ministack) == Spent(1, ANALYSIS_COST, RENDER_COST)
    assert spent(ministack).total == ANALYSIS_COST + RENDER_COST


def fail(database: Database, video: VideoRecord) -> None:
    VideoLifecycle(database).fail(LUNA, video.job_id, "RenderFailedError", "It failed.", utc_now())


def cancel(database: Database, video: VideoRecord) -> None:
    VideoLifecycle(database).cancel(LUNA, video.job_id, utc_now())


@pytest.mark.parametrize("close", [fail, cancel])
def test_a_render_that_is_paid_for_and_not_delivered_is_counted_once(
    ministack: Database, close: Callable[[Database, VideoRecord], None]
) -> None:
    video = processing_video(ministack, analyze(ministack))
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(close, ministack, video) for _ in range(4)]:
            each.result()
    assert spent(ministack) == Spent(0, ANALYSIS_COST, RENDER_COST)
    # The user's own costs are those of what was delivered.
    assert ProfileRepository(ministack).get(LUNA, consistent=True).cost == ANALYSIS_COST


@pytest.mark.parametrize("close", [fail, cancel])
def test_a_video_without_a_render_has_cost_nothing(
    ministack: Database, close: Callable[[Database, VideoRecord], None]
) -> None:
    videos, job_id = VideoLifecycle(ministack), new_id()
    videos.add(LUNA, job_id, analyze(ministack), 5, utc_now())
    videos.request_render(LUNA, job_id, utc_now())
    close(ministack, videos.get(LUNA, job_id, consistent=True))
    assert spent(ministack).runway == 0


@pytest.mark.parametrize(("charged", "cost"), [(0, 0), (30, 300_000), (60, 600_000)])
def test_what_the_provider_has_charged_replaces_its_estimate(ministack: Database, charged: int, cost: int) -> None:
    # GIVEN a render that failed, as the provider says with its charge
    video = processing_video(ministack, analyze(ministack))
    state = RenderState(RenderStatus.FAILED, failure=RenderFailure(FailureKind.CANCELLED), credits=charged)
    # WHEN it is polled, and the video is closed
    with pytest.raises(RenderCancelledError):
        poll_render(LUNA, video.job_id, FakeRenderer(state), VideoLifecycle(ministack))
    fail(ministack, video)
    # THEN
    assert spent(ministack).runway == cost
    assert VideoLifecycle(ministack).get(LUNA, video.job_id, consistent=True).credits == charged


@pytest.mark.parametrize("erased", [False, True])
def test_a_render_accepted_after_its_video_was_closed_is_counted(ministack: Database, erased: bool) -> None:
    # GIVEN a video that is cancelled, or deleted as well, while the provider's answer is on its way
    videos, job_id = VideoLifecycle(ministack), new_id()
    video = videos.add(LUNA, job_id, analyze(ministack), 5, utc_now())
    videos.request_render(LUNA, job_id, utc_now())
    cancel(ministack, video)
    if erased:
        DreamDeletion(ministack).soft_delete_dream(LUNA, video.dream_id)
    # WHEN the answer arrives
    with suppress(VideoNotFoundError):
        videos.record_render(LUNA, job_id, "task", CREDITS, utc_now())
    # THEN
    assert spent(ministack) == Spent(0, ANALYSIS_COST, RENDER_COST)


def test_closing_at_the_moment_of_the_providers_answer_counts_once(ministack: Database) -> None:
    dream_id = analyze(ministack)
    videos, job_ids = VideoLifecycle(ministack), [new_id() for _ in range(8)]
    for job_id in job_ids:
        videos.add(LUNA, job_id, dream_id, 5, utc_now())
        videos.request_render(LUNA, job_id, utc_now())
    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(videos.cancel, LUNA, job_id, utc_now()) for job_id in job_ids]
        running += [pool.submit(videos.record_render, LUNA, each, each, CREDITS, utc_now()) for each in job_ids]
        for each in running:
            each.result()
    assert spent(ministack).runway == len(job_ids) * RENDER_COST


def test_a_long_texts_analysis_is_counted_with_the_next_video(ministack: Database) -> None:
    # GIVEN an analysis whose transaction has no write unit left for the counter
    dream_id = analyze(ministack, LONG_TEXT)
    assert (spent(ministack), due(ministack)) == (Spent(), ANALYSIS_COST)
    # WHEN a video of the same user is completed
    complete(ministack, processing_video(ministack, dream_id))
    # THEN nothing is due any more
    assert spent(ministack) == Spent(1, ANALYSIS_COST, RENDER_COST)
    assert due(ministack) == 0


def test_concurrent_videos_neither_lose_nor_double_what_is_due(ministack: Database) -> None:
    dream_id = analyze(ministack, LONG_TEXT)
    videos = [processing_video(ministack, dream_id) for _ in range(4)]
    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(complete, ministack, video) for video in videos]
        running.append(pool.submit(analyze, ministack, LONG_TEXT))  # type: ignore[arg-type]
        for each in running:
            each.result()
    total = spent(ministack)
    assert (total.videos, total.runway) == (4, 4 * RENDER_COST)
    assert total.claude + due(ministack) == 2 * ANALYSIS_COST


def test_the_users_costs_add_up_to_the_services(ministack: Database) -> None:
    for user_id in (LUNA, STELLA):
        complete(ministack, processing_video(ministack, analyze(ministack, LONG_TEXT, user_id), user_id))
        analyze(ministack, DREAM, user_id)
    profiles = [ProfileRepository(ministack).get(user_id, consistent=True) for user_id in (LUNA, STELLA)]
    assert spent(ministack).total == sum(profile.cost for profile in profiles)


def test_a_model_without_a_price_costs_nothing_and_leaves_no_item(ministack: Database) -> None:
    unknown = replace(ANALYSIS, model="claude-of-tomorrow")
    DreamRepository(ministack).add_analyzed(LUNA, new_id(), DREAM, unknown, 5, utc_now())
    assert not [guard for guard in guard_items(ministack) if guard.startswith("spending#")]


def test_the_counter_of_a_day_is_spread_over_its_shards(ministack: Database) -> None:
    day = day_of(utc_now())
    shards = {shard_of(f"{number:08x}-0000-7000-8000-{number:012x}", utc_now()) for number in range(64)}
    assert shards == set(shards_on(day))
    assert len(shards) == SERVICE_SHARDS
    for _ in range(24):
        analyze(ministack)
    assert len([guard for guard in guard_items(ministack) if guard.startswith(f"spending#{day}#")]) > 1
    assert spent(ministack).claude == 24 * ANALYSIS_COST


def test_a_month_is_the_sum_of_its_days(ministack: Database) -> None:
    limits = LimitsRepository(ministack)
    for moment in (
        datetime(2026, 10, 31, 23, 59, tzinfo=UTC),
        *(datetime(2026, 11, day, tzinfo=UTC) for day in (1, 30)),
    ):
        write = limits.spending_write(shard_of(new_id(), moment), Spent(videos=1, runway=RENDER_COST), moment)
        ministack.client.update_item(**write["Update"])
    november = [shard for day in days_of_month("2026-11") for shard in shards_on(day)]
    assert limits.spending(november) == Spent(2, Decimal(0), 2 * RENDER_COST)
    assert (len(days_of_month("2026-11")), len(days_of_month("2028-02"))) == (30, 29)


def test_a_day_is_kept_for_thirteen_months(ministack: Database) -> None:
    analyze(ministack)
    (item,) = [item for guard, item in guard_items(ministack).items() if guard.startswith("spending#")]
    assert int(item["expires_at"]) - utc_now().timestamp() > 396 * 24 * 3600
