"""``GET /api/v1/quota``, and the quota in the answers of the main call."""

from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.limits.quotas import next_midnight
from tests.fakes.capacity import Meter
from tests.fakes.http_api import Answer, HttpFunction
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA, DreamBackend

pytestmark = pytest.mark.usefixtures("noon")


def quota(user_id: str = LUNA) -> Any:
    answer = HttpFunction("api/videos")(user_id, "GET /api/v1/quota")
    assert answer.status == 200
    return answer.body


def generate(user_id: str = LUNA) -> Answer:
    return HttpFunction("api/dreams")(
        user_id,
        "POST /api/v1/dreams/generate-video",
        body={"dream_text": DREAM},
        headers={"prefer": "respond-async", "idempotency-key": "key"},
    )


def set_tier(backend: DreamBackend, tier: str) -> None:
    backend.database.client.update_item(
        TableName=backend.database.names.profiles_table,
        Key={"user_id": LUNA},
        UpdateExpression="SET subscription_tier = :tier",
        ExpressionAttributeValues={":tier": tier},
    )


def test_a_new_user_has_the_whole_quota_of_the_free_tier(backend: DreamBackend) -> None:
    resets_at = to_text(next_midnight(utc_now()))
    assert quota() == {
        "tier": "free",
        "videos_today": {"limit": 5, "used": 0, "remaining": 5, "resets_at": resets_at},
        "videos_now": {"limit": 2, "used": 0, "remaining": 2},
        "analyses_today": {"limit": 20, "used": 0, "remaining": 20, "resets_at": resets_at},
    }


def test_it_is_read_by_one_call(backend: DreamBackend) -> None:
    generate()
    meter = Meter(backend.database)
    quota()
    # The first is of the ended sessions, as for every route.
    assert meter.operations == ["GetItem", "BatchGetItem"]
    assert meter.read_units == 4
    assert meter.writes == []


def test_the_answer_of_the_main_call_has_the_quota_after_it(backend: DreamBackend) -> None:
    first = generate()
    assert (first.status, first.body["quota"]) == (202, quota())
    assert first.body["quota"]["videos_today"] | {"resets_at": None} == {
        "limit": 5, "used": 1, "remaining": 4, "resets_at": None
    }  # fmt: skip
    assert first.body["quota"]["videos_now"] == {"limit": 2, "used": 1, "remaining": 1}
    assert first.body["quota"]["analyses_today"]["remaining"] == 19
    # AND a repeated request has the same answer, although the video was cancelled
    backend.service.cancel(LUNA, first.body["job_id"])
    assert generate().body == first.body
    # AND another user's quota is whole
    assert quota(STELLA)["videos_today"]["used"] == 0


def test_what_is_given_back_can_be_used_again(backend: DreamBackend) -> None:
    job_id = generate().body["job_id"]
    backend.service.cancel(LUNA, job_id)
    left = quota()
    assert (left["videos_today"]["used"], left["videos_now"]["used"], left["analyses_today"]["used"]) == (0, 0, 1)


def test_after_a_change_to_a_lower_tier_nothing_remains(backend: DreamBackend) -> None:
    set_tier(backend, "premium")
    for _ in range(3):
        backend.pending_video()
    assert quota()["tier"] == "premium"
    assert quota()["videos_now"] == {"limit": 5, "used": 3, "remaining": 2}
    set_tier(backend, SubscriptionTier.FREE)
    assert quota()["videos_now"] == {"limit": 2, "used": 3, "remaining": 0}


def test_for_a_paused_user_nothing_remains_today(backend: DreamBackend) -> None:
    for number in range(5):
        backend.videos.count_refusal(LUNA, f"job-{number}", utc_now())
    left = quota()
    assert (left["videos_today"]["used"], left["videos_today"]["remaining"]) == (0, 0)
    assert (left["analyses_today"]["used"], left["analyses_today"]["remaining"]) == (0, 0)


def test_yesterdays_videos_do_not_count(backend: DreamBackend) -> None:
    backend.videos.add_with_dream(LUNA, "a" * 36, "b" * 36, DREAM, 5, utc_now() - timedelta(days=1))
    left = quota()
    assert (left["videos_today"]["used"], left["videos_now"]["used"]) == (0, 1)
