"""Inspection of videos, and what the service has spent."""

from datetime import timedelta
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.limits.quotas import day_of
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import Spent, shard_of
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA
from tests.integration.operations.fixtures import OperatorBackend

pytestmark = pytest.mark.usefixtures("noon")

PROMPT = "POV gentle rise"


def test_a_failed_video_is_explained(operators: OperatorBackend) -> None:
    # GIVEN a video that failed while its render was polled
    video = operators.with_execution(operators.dreams.failed_video(operators.dreams.analyzed_dream()))
    moment = utc_now() + timedelta(seconds=1)
    operators.states.histories[video.job_id] = [
        {"timestamp": moment, "type": "ExecutionStarted"},
        {"timestamp": moment, "type": "LambdaFunctionFailed",
         "lambdaFunctionFailedEventDetails": {"error": "RenderFailedError", "cause": DREAM}},
    ]  # fmt: skip
    # WHEN the operator knows only the job id
    found = operators.result("video.inspect", job_id=video.job_id)
    # THEN
    assert (found["user_id"], found["dream_id"], found["status"]) == (LUNA, video.dream_id, "failed")
    assert found["failure"] == {"error": "RenderFailedError", "message": "It failed."}
    texts = [step["text"] for step in found["history"]]
    assert texts[0] == "The video was requested."
    assert texts[-2:] == ["The execution began.", "The task failed with RenderFailedError."]
    assert not any(text in str(found) for text in (DREAM, PROMPT))


def test_the_cost_is_that_of_render_and_analysis(operators: OperatorBackend) -> None:
    video = operators.with_execution(operators.dreams.completed_video(operators.dreams.analyzed_dream()))
    cost = operators.result("video.inspect", job_id=video.job_id)["cost"]
    assert cost == {
        "credits": 60, "render": 0.6, "input_tokens": 800, "output_tokens": 140, "analysis": 0.003, "total": 0.603
    }  # fmt: skip


def test_a_video_without_analysis_and_render_has_cost_nothing(operators: OperatorBackend) -> None:
    video = operators.with_execution(operators.dreams.pending_video())
    found = operators.result("video.inspect", job_id=video.job_id)
    assert (found["failure"], found["cost"]["credits"], found["cost"]["total"]) == (None, None, 0)


def test_a_video_without_execution_needs_its_user(operators: OperatorBackend) -> None:
    dream = operators.dreams.analyzed_dream()
    job_id = new_id()
    operators.dreams.videos.add(LUNA, job_id, dream.dream_id, 5, utc_now())
    assert operators.refusal("video.inspect", job_id=job_id) == "VideoOwnerUnknownError"
    found = operators.result("video.inspect", job_id=job_id, user_id=LUNA)
    assert len(found["history"]) == 2  # of the row alone
    assert operators.refusal("video.inspect", job_id=job_id, user_id=STELLA) == "VideoNotFoundError"


def test_a_deleted_video_is_not_found(operators: OperatorBackend) -> None:
    operators.states.started["11111111-1111-7111-8111-111111111111"] = {
        "user_id": LUNA, "dream_id": new_id(), "job_id": "11111111-1111-7111-8111-111111111111"
    }  # fmt: skip
    assert operators.refusal("video.inspect", job_id="11111111-1111-7111-8111-111111111111") == "VideoNotFoundError"


def test_an_outage_of_step_functions_is_a_refusal(operators: OperatorBackend) -> None:
    video = operators.with_execution(operators.dreams.pending_video())
    operators.states.refusal = "ServiceUnavailable"
    assert operators.refusal("video.inspect", job_id=video.job_id) == "StateMachineError"


def test_inspecting_writes_nothing(operators: OperatorBackend) -> None:
    video = operators.with_execution(operators.dreams.failed_video(operators.dreams.analyzed_dream()))
    before = operators.user_items()
    operators.result("video.inspect", job_id=video.job_id)
    assert operators.user_items() == before


def test_spending_of_today_and_of_the_month(operators: OperatorBackend) -> None:
    for user_id in (LUNA, STELLA):
        operators.dreams.completed_video(operators.dreams.analyzed_dream(user_id))
    expected = {"videos": 2, "claude": 0.006, "runway": 1.2, "total": 1.206}
    today = day_of(utc_now())
    assert operators.result("spend.today") == {"period": today, **expected}
    assert operators.result("spend.month") == {"period": today[:7], **expected}


@pytest.mark.parametrize(("month", "videos"), [("2026-02", 3), ("2026-01", 0), ("2025-02", 0)])
def test_spending_of_another_month(operators: OperatorBackend, month: str, videos: int) -> None:
    limits = LimitsRepository(operators.database)
    for day in (1, 14, 28):
        moment = utc_now().replace(year=2026, month=2, day=day)
        write: Any = limits.spending_write(shard_of(new_id(), moment), Spent(videos=1), moment)
        operators.database.client.update_item(**write["Update"])
    assert operators.result("spend.month", month=month) == {
        "period": month, "videos": videos, "claude": 0, "runway": 0, "total": 0
    }  # fmt: skip


def test_nothing_spent_is_zero(operators: OperatorBackend) -> None:
    assert operators.result("spend.today")["total"] == 0
