"""Every provider failure, end to end: the video fails with a message for the user, the execution fails, and nothing is
paid twice. The sandboxes fail on markers in the dream. All dreams are created at once, each by a user of its own, since
most of the time is spent waiting.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from dreamvision.videos.outcomes import CODES
from tests.e2e.client import ControlPlane, User, register

DREAM = "I was running from a shadow through the burning streets of a city"


@dataclass(frozen=True)
class Failure:
    """The expected outcome of a marker: the response to the POST, the recorded error, the number of renders."""

    word: str
    error: str
    status: int = 200
    problem: str = ""
    renders: int = 0


CLAUDE_FAILURES = [
    Failure("[[claude:refusal]]", "DreamRefusedError", 422, "dream_refused"),
    Failure("[[claude:max_tokens]]", "AnalysisTruncatedError", 502, "analysis_truncated"),
    Failure("[[claude:overloaded]]", "ClaudeOverloadedError", 503, "analysis_overloaded"),
    Failure("[[claude:error]]", "ClaudeOverloadedError", 503, "analysis_overloaded"),
    Failure("[[claude:auth]]", "ClaudeKeyError", 502, "analysis_unavailable"),
    Failure("[[claude:malformed]]", "AnalysisInvalidError", 502, "analysis_invalid"),
    Failure("[[claude:garbage]]", "ClaudeProtocolError", 502, "analysis_malformed"),
    Failure("[[claude:bad]]", "AnalysisInvalidError", 502, "analysis_invalid"),
    Failure("[[claude:too_long]]", "AnalysisInvalidError", 502, "analysis_invalid"),
]
RUNWAY_FAILURES = [
    Failure("[[runway:safety]]", "RenderModerationError", renders=1),
    Failure("[[runway:output_safety]]", "RenderModerationError", renders=1),
    Failure("[[runway:internal]]", "RenderFailedError", renders=1),
    Failure("[[runway:bad_output]]", "RenderFailedError", renders=1),
    Failure("[[runway:null_failure]]", "RenderFailedError", renders=1),
    Failure("[[runway:cancelled]]", "RenderCancelledError", renders=1),
    Failure("[[runway:empty_output]]", "RenderEmptyOutputError", renders=1),
    Failure("[[runway:vanish]]", "RenderTaskLostError", renders=1),
    Failure("[[runway:reject]]", "RenderRejectedError"),
    Failure("[[runway:credits]]", "RenderCreditsError"),
    Failure("[[runway:auth]]", "RenderKeyError"),
    Failure("[[runway:error_after_create]]", "RenderOutcomeUnknownError", renders=1),
    Failure("[[runway:cut_after_create]]", "RenderOutcomeUnknownError", renders=1),
    Failure("[[runway:stuck]]", "RenderDeadlineError", renders=1),
    Failure("[[runway:throttled]]", "RenderDeadlineError", renders=1),
    Failure("[[runway:unknown_status]]", "RenderDeadlineError", renders=1),
    Failure("[[runway:not_video]]", "NotAVideoError", renders=1),
    Failure("[[runway:truncated]]", "SourceTruncatedError", renders=1),
    Failure("[[runway:redirect]]", "SourceForbiddenError", renders=1),
    Failure("[[runway:foreign_host]]", "SourceForbiddenError", renders=1),
]
FAILURES = CLAUDE_FAILURES + RUNWAY_FAILURES
# Transient failures that are retried where that is safe.
RECOVERIES = [
    "[[claude:bad_once]]",
    "[[runway:busy_once]]",
    "[[runway:poll_error_once]]",
    "[[runway:expired_once]]",
]

ENDLESS = ["[[runway:stuck]]", "[[runway:throttled]]", "[[runway:unknown_status]]"]


@dataclass(frozen=True)
class Outcome:
    """A dream and its outcome."""

    user: User
    answer: httpx.Response
    video: dict[str, Any]
    dream: dict[str, Any]


def _create(http: httpx.Client, word: str) -> Outcome:
    user = register(http)
    answer = user.post("/dreams/generate-video", {"dream_text": f"{DREAM} {word}", "duration": 5})
    body = answer.json()
    job_id = body.get("job_id") or body["video_generation"]["job_id"]
    video = user.wait_for_video(job_id, 120)
    return Outcome(user, answer, video, user.get(f"/dreams/{video['dream_id']}").json())


@pytest.fixture(scope="module")
def created(http: httpx.Client) -> Iterator[dict[str, Outcome]]:
    words = [failure.word for failure in FAILURES] + RECOVERIES
    # Those that wait for the deadline start first.
    words.sort(key=lambda word: word not in ENDLESS)
    with ThreadPoolExecutor(6) as pool:
        yield dict(zip(words, pool.map(lambda word: _create(http, word), words), strict=True))


@pytest.mark.parametrize("failure", FAILURES, ids=[failure.word for failure in FAILURES])
def test_a_failure_is_recorded_and_fails_the_execution(
    failure: Failure, created: dict[str, Outcome], control: ControlPlane
) -> None:
    found = created[failure.word]

    # The response reports the failure if it was known by then.
    # On a slow machine it may be a 202 instead; the same failures are asserted exactly at /dreams/analyze.
    known = found.answer.status_code != 202
    assert not known or found.answer.status_code == failure.status, found.answer.text
    if failure.problem and known:
        assert found.answer.headers["content-type"] == "application/problem+json"
        assert found.answer.json()["type"] == f"urn:dreamvision:problem:{failure.problem}"
        assert found.answer.json()["job_id"] == found.video["job_id"]
    assert found.dream["analysis_status"] == ("failed" if failure.problem else "completed")

    # The video is final, with our message for the user and no provider text.
    assert found.video["status"] == "failed"
    assert found.video["error_message"]
    assert found.video["video_url"] is None
    assert found.dream["video_status"] == "failed"
    row = control.rows("videos", found.user.id)[0]
    assert row["error_code"] == failure.error

    # Programs are told why, and whether it counts: every render that was requested does.
    assert found.video["error_code"] == CODES[failure.error]
    refused = failure.error in ("DreamRefusedError", "RenderModerationError", "RenderRejectedError")
    assert (found.video["retryable"], found.video["counted"]) == (not refused, failure.renders > 0)

    # The execution has failed with the name of the error.
    execution = control.wait_for_execution(found.video["job_id"])
    assert execution["status"] == "FAILED"
    assert execution["error"] == failure.error
    assert control.states_entered(found.video["job_id"])[-1] == "DreamFailed"


@pytest.mark.parametrize("failure", FAILURES, ids=[failure.word for failure in FAILURES])
def test_at_most_one_render_is_paid(failure: Failure, created: dict[str, Outcome], control: ControlPlane) -> None:
    prompt = created[failure.word].dream["video_prompt"]
    assert (control.paid_renders(prompt) if prompt else 0) == failure.renders


@pytest.mark.parametrize("word", RECOVERIES)
def test_transient_failures_are_retried(word: str, created: dict[str, Outcome], control: ControlPlane) -> None:
    found = created[word]
    assert found.answer.is_success
    assert found.video["status"] == "completed"
    assert control.paid_renders(found.dream["video_prompt"]) == 1
    assert control.wait_for_execution(found.video["job_id"])["status"] == "SUCCEEDED"


@pytest.mark.parametrize("word", ENDLESS)
def test_a_render_past_its_deadline_is_cancelled(word: str, created: dict[str, Outcome], control: ControlPlane) -> None:
    found = created[word]
    assert "CancelRender" in control.states_entered(found.video["job_id"])
    task_id = control.rows("videos", found.user.id)[0]["provider_task_id"]
    runway = control.outputs["runway_url"]
    headers = {"Authorization": "Bearer key_sandbox", "X-Runway-Version": "2024-11-06"}
    assert httpx.get(f"{runway}/v1/tasks/{task_id}", headers=headers, trust_env=False).status_code == 404


def test_a_failed_video_leaves_nothing_in_the_bucket(created: dict[str, Outcome], control: ControlPlane) -> None:
    user_ids = {created[failure.word].user.id for failure in FAILURES}
    s3 = control.client("s3")
    bucket = control.outputs["media_bucket"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    assert not [key for key in keys if any(user_id in key for user_id in user_ids)]


def test_a_dream_whose_analysis_fails_is_not_stored(http: httpx.Client, control: ControlPlane) -> None:
    user = register(http)
    for failure in CLAUDE_FAILURES:
        answer = user.post("/dreams/analyze", {"dream_text": f"{DREAM} {failure.word}"})
        assert answer.status_code == failure.status, answer.text
        assert answer.json()["type"] == f"urn:dreamvision:problem:{failure.problem}"
    assert control.rows("dreams", user.id) == []
    assert user.get("/dreams").json()["total"] == 0
