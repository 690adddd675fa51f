"""What a render has cost is not given back, and free users cannot use up what is reserved for premium users."""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.erasure.dreams import DreamDeletion
from dreamvision.limits.quotas import (
    PremiumReserveError,
    ServiceQuotaExceededError,
    VideoQuotaExceededError,
)
from dreamvision.rendering.errors import RenderOutcomeUnknownError
from dreamvision.videos.models import VideoRecord
from tests.fakes.gateway import USER_ID
from tests.fakes.runway import FakeRenderer
from tests.integration.limits.fixtures import PLENTY, QuotaBackend, in_parallel
from tests.integration.limits.test_analysis_quota import make_premium

# The counts are those of a day.
pytestmark = pytest.mark.usefixtures("noon")

MANY = PLENTY | {"premium_videos_per_day": 1000, "premium_concurrent_videos": 1000}


@pytest.mark.parametrize("how", ["cancel", "delete the dream"])
def test_filming_and_cancelling_again_and_again_stops_at_the_quota(ministack: Database, how: str) -> None:
    """The attack: film, wait until the render is paid for, cancel, repeat."""
    backend = QuotaBackend(ministack)

    def film_and_cancel() -> None:
        video = backend.create_video()
        backend.complete_analysis(video)
        backend.start_render(video)
        if how == "cancel":
            backend.videos.cancel(USER_ID, video.job_id, utc_now())
        else:
            DreamDeletion(ministack).soft_delete_dream(USER_ID, video.dream_id)

    for _ in range(5):
        film_and_cancel()
    for _ in range(3):
        with pytest.raises(VideoQuotaExceededError):
            film_and_cancel()
    assert len(backend.renderer.started) == 5
    assert backend.reservations == (5, 0, 5)


def test_a_render_whose_outcome_is_unknown_counts_after_a_cancellation(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    with pytest.raises(RenderOutcomeUnknownError):
        backend.start_render(video, FakeRenderer(start_error=RenderOutcomeUnknownError()))
    backend.videos.cancel(USER_ID, video.job_id, utc_now())
    assert backend.reservations == (1, 0, 1)


def test_a_video_cancelled_before_its_render_does_not_count(backend: QuotaBackend) -> None:
    video = backend.create_video()
    backend.complete_analysis(video)
    backend.videos.cancel(USER_ID, video.job_id, utc_now())
    assert backend.reservations == (0, 0, 0)


@pytest.mark.parametrize("ceiling", [5, 20, 43])
def test_premium_users_get_through_when_free_users_are_at_the_ceiling(ministack: Database, ceiling: int) -> None:
    backend = QuotaBackend(ministack, **(MANY | {"service_videos_per_day": ceiling}))
    free = ceiling * 80 // 100
    # GIVEN free accounts that take all they can
    results = in_parallel(lambda: backend.create_video(new_id()), 50)
    assert sum(isinstance(result, VideoRecord) for result in results) == free
    assert {type(result) for result in results} == {VideoRecord, PremiumReserveError}
    # THEN premium users get exactly the rest
    make_premium(ministack)
    rest = in_parallel(lambda: backend.create_video(USER_ID), 20)
    assert sum(isinstance(result, VideoRecord) for result in rest) == ceiling - free
    assert {type(result) for result in rest} == {VideoRecord, ServiceQuotaExceededError}
    assert backend.reservations == (ceiling, ceiling, ceiling)
    # AND now the service's quota is used up for all
    with pytest.raises(ServiceQuotaExceededError):
        backend.create_video(new_id())


def test_free_and_premium_users_at_once_stay_within_both_limits(ministack: Database) -> None:
    backend = QuotaBackend(ministack, **(MANY | {"service_videos_per_day": 20, "premium_reserve": 50}))
    make_premium(ministack)
    users = iter([USER_ID, new_id()] * 25)
    results = in_parallel(lambda: backend.create_video(next(users)), 50)
    made = [result for result in results if isinstance(result, VideoRecord)]
    assert len(made) == 20
    assert sum(video.user_id != USER_ID for video in made) <= 10
