"""Operators' commands, and what they read of limits, when every eventually consistent read misses the latest writes."""

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.transactions import Transaction
from dreamvision.limits.quotas import QuotaReservation, VideoLimits, day_of
from dreamvision.limits.repository import LimitsRepository
from tests.fakes.stale_replica import StaleReplica
from tests.integration.dreams.fixtures import DREAM, LUNA
from tests.integration.operations.fixtures import OperatorBackend

pytestmark = pytest.mark.usefixtures("replica")


def test_a_video_stored_just_now_is_inspected_with_its_cost(operators: OperatorBackend) -> None:
    video = operators.with_execution(operators.dreams.completed_video(operators.dreams.analyzed_dream()))
    found = operators.result("video.inspect", job_id=video.job_id)
    assert (found["status"], found["cost"]["total"]) == ("completed", 0.603)


def test_what_was_spent_and_counted_just_now_is_reported(operators: OperatorBackend) -> None:
    operators.dreams.service.create_with_dream(LUNA, DREAM, 5)
    operators.dreams.completed_video(operators.dreams.analyzed_dream())
    assert operators.result("spend.today")["videos"] == 1
    assert operators.result("user.quota", user_id=LUNA)["videos_today"] == 2


def test_an_erasure_that_began_just_now_is_not_disturbed(operators: OperatorBackend, replica: StaleReplica) -> None:
    replica.catch_up()
    operators.erasure.delete_account()
    for command in ("user.block", "user.unblock"):
        assert operators.refusal(command, user_id=LUNA) == "UserIsErasedError"


def test_the_next_shard_with_room_is_known_at_once(operators: OperatorBackend) -> None:
    limits, now = VideoLimits(per_day=100, concurrent=100, service_per_day=8), utc_now()
    repository, day = LimitsRepository(operators.database), day_of(now)
    assert repository.shards_with_room(day, limits) == list(range(8))
    for shard in (0, 3):
        writes = repository.reserve_writes(new_id(), QuotaReservation(day, shard), limits, int(now.timestamp()))
        operators.database.transact_write(Transaction().add("service", writes["service"]))
    assert repository.shards_with_room(day, limits) == [1, 2, 4, 5, 6, 7]
    assert repository.service_videos(day) == 2
