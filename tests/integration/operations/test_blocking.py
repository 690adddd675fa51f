"""Blocking a user: tokens, sign-in and running work end at once; unblocking gives sign-in back and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from dreamvision.auth.errors import InvalidCredentialsError
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.models import DreamRecord
from dreamvision.limits.quotas import TooManyRunningVideosError
from dreamvision.operations.repository import HOLD, OperationsRepository
from dreamvision.schemas.dreams import AnalysisStatus
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.failures import close_stopped
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from tests.integration.dreams.fixtures import DREAM, LUNA, STELLA
from tests.integration.erasure.fixtures import LUNAS_EMAIL, status_of
from tests.integration.operations.fixtures import PASSWORD, OperatorBackend
from tests.permissions.running import running_outside

pytestmark = pytest.mark.usefixtures("noon")


def block(operators: OperatorBackend) -> dict[str, Any]:
    return operators.result("user.block", user_id=LUNA)


def unblock(operators: OperatorBackend) -> dict[str, Any]:
    return operators.result("user.unblock", user_id=LUNA)


def dream_of(operators: OperatorBackend, dream_id: str) -> DreamRecord:
    return operators.dreams.dreams.get(LUNA, dream_id, consistent=True)


def seconds_now() -> int:
    return int(utc_now().timestamp())


def test_tokens_already_issued_are_refused_at_once(operators: OperatorBackend) -> None:
    tokens = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    assert operators.is_signed_in(tokens.session_id, issued_at=tokens.signed_in_at)
    block(operators)
    assert not operators.is_signed_in(tokens.session_id, issued_at=tokens.signed_in_at)
    assert status_of("/api/v1/dreams") == 401
    assert operators.is_signed_in("hers", STELLA)
    assert operators.result("user.find", user_id=LUNA)["state"] == "blocked"


def test_a_new_sign_in_is_refused_like_that_of_a_disabled_user(operators: OperatorBackend) -> None:
    block(operators)
    with pytest.raises(InvalidCredentialsError):
        operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    assert operators.pool.sign_in("stella@example.com", PASSWORD).user_id == STELLA


def test_a_sign_in_at_the_same_time_gets_no_session(operators: OperatorBackend) -> None:
    # GIVEN tokens that Cognito has issued, whose session is only recorded after the block
    tokens = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    block(operators)
    # WHEN the session is recorded
    operators.sessions.start(LUNA, tokens.session_id, tokens.signed_in_at)
    # THEN it is refused, also with a token of a later clock
    assert not operators.is_signed_in(tokens.session_id, issued_at=tokens.signed_in_at)
    assert not operators.is_signed_in(tokens.session_id, issued_at=seconds_now() + 3600)


def test_running_work_stops_at_once(operators: OperatorBackend) -> None:
    # GIVEN a video whose analysis is pending, one that waits, one that is rendering, and one that is completed
    dream = operators.dreams.analyzed_dream()
    pending, queued = operators.dreams.pending_video(), operators.dreams.queued_video(dream)
    rendering, completed = operators.dreams.processing_video(dream), operators.dreams.completed_video(dream)
    hers = operators.dreams.pending_video(STELLA)
    # WHEN
    answer = block(operators)
    # THEN the open ones are cancelled and their executions stopped
    open_ids = {video.job_id for video in (pending, queued, rendering)}
    assert set(answer["cancelled_videos"]) == set(operators.states.stopped) == open_ids
    assert answer["executions_running"] == []
    for video in (pending, queued, rendering):
        assert operators.dreams.stored_video(LUNA, video.job_id).status is VideoStatus.CANCELLED
    assert operators.dreams.stored_video(LUNA, completed.job_id).status is VideoStatus.COMPLETED
    assert operators.dreams.stored_video(STELLA, hers.job_id).status is VideoStatus.PENDING
    assert dream_of(operators, pending.dream_id).analysis_status is AnalysisStatus.FAILED
    assert dream_of(operators, dream.dream_id).analysis_status is AnalysisStatus.COMPLETED
    # AND the rule on stopped executions cancels the render
    close_stopped(LUNA, rendering.job_id, "ABORTED", operators.dreams.videos, operators.dreams.renderer)
    assert operators.dreams.renderer.cancelled == [rendering.provider_task_id]
    # AND what cost nothing is given back
    found = operators.result("user.quota", user_id=LUNA)
    assert (found["running_videos"], found["videos_today"]) == (0, 2)


@pytest.mark.parametrize("gone", ["completed", "deleted"])
def test_a_video_that_ends_during_the_block_is_not_among_the_cancelled(
    operators: OperatorBackend, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    dream = operators.dreams.analyzed_dream()
    ending, other = operators.dreams.processing_video(dream), operators.dreams.pending_video()
    cancel = VideoLifecycle.cancel

    def overtaken(videos: VideoLifecycle, user_id: str, job_id: str, now: datetime) -> VideoRecord:
        if job_id == ending.job_id:
            with running_outside():
                if gone == "completed":
                    videos.complete(ending, Media("videos/v.mp4", "thumbnails/t.jpg", None, 1280, 720), now)
                else:
                    key = {"user_id": user_id, "job_id": job_id}
                    operators.database.client.delete_item(TableName=operators.database.names.videos_table, Key=key)
        return cancel(videos, user_id, job_id, now)

    monkeypatch.setattr(VideoLifecycle, "cancel", overtaken)
    assert block(operators)["cancelled_videos"] == [other.job_id]
    assert operators.states.stopped == [other.job_id]


def test_a_request_that_was_accepted_before_the_block_creates_no_video(operators: OperatorBackend) -> None:
    dream = operators.dreams.analyzed_dream()
    block(operators)
    with pytest.raises(TooManyRunningVideosError):
        operators.dreams.videos.add(LUNA, new_id(), dream.dream_id, 5, utc_now())
    with pytest.raises(TooManyRunningVideosError):
        operators.dreams.videos.add_with_dream(LUNA, new_id(), new_id(), DREAM, 5, utc_now())
    assert operators.dreams.pending_video(STELLA).status is VideoStatus.PENDING


def test_a_second_block_changes_nothing(operators: OperatorBackend) -> None:
    operators.dreams.pending_video()
    assert len(block(operators)["cancelled_videos"]) == 1
    assert block(operators) == {
        "user_id": LUNA, "state": "blocked", "cancelled_videos": [], "executions_running": []
    }  # fmt: skip


def test_an_execution_that_cannot_be_stopped_is_named(operators: OperatorBackend) -> None:
    video = operators.dreams.pending_video()
    operators.states.refusal = "ServiceUnavailable"
    answer = block(operators)
    assert answer["cancelled_videos"] == answer["executions_running"] == [video.job_id]


def test_unblocking_gives_back_sign_in_and_videos_but_no_old_session(operators: OperatorBackend) -> None:
    old = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    block(operators)
    for _ in range(2):
        assert unblock(operators)["state"] == "active"
    assert not operators.is_signed_in(old.session_id, issued_at=old.signed_in_at)
    new = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    operators.sessions.start(LUNA, new.session_id, new.signed_in_at)
    assert operators.is_signed_in(new.session_id, issued_at=new.signed_in_at)
    assert operators.dreams.pending_video().status is VideoStatus.PENDING


def test_unblocking_a_user_who_is_not_blocked_ends_no_session(operators: OperatorBackend) -> None:
    tokens = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    unblock(operators)
    assert operators.is_signed_in(tokens.session_id, issued_at=tokens.signed_in_at)


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminUserGlobalSignOut"])
def test_a_block_that_fails_at_cognito_refuses_tokens_and_can_be_repeated(
    operators: OperatorBackend, operation: str
) -> None:
    operators.dreams.pending_video()
    operators.cognito.fail(operation, EndpointConnectionError(endpoint_url="https://cognito.invalid"))
    assert operators.refusal("user.block", user_id=LUNA) == "UserPoolUnreachableError"
    assert not operators.is_signed_in("any")
    assert len(block(operators)["cancelled_videos"]) == 1
    unblock(operators)
    assert operators.pool.sign_in(LUNAS_EMAIL, PASSWORD).user_id == LUNA


def test_a_half_done_block_can_be_undone(operators: OperatorBackend) -> None:
    operators.cognito.fail("AdminDisableUser", EndpointConnectionError(endpoint_url="https://cognito.invalid"))
    assert operators.refusal("user.block", user_id=LUNA) == "UserPoolUnreachableError"
    unblock(operators)
    tokens = operators.pool.sign_in(LUNAS_EMAIL, PASSWORD)
    operators.sessions.start(LUNA, tokens.session_id, tokens.signed_in_at)
    assert operators.is_signed_in(tokens.session_id, issued_at=tokens.signed_in_at)
    assert operators.dreams.pending_video().status is VideoStatus.PENDING


def test_an_erasure_that_begins_while_a_user_is_unblocked_wins(
    operators: OperatorBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    block(operators)
    enable = operators.pool.enable

    def erased_first(user_id: str) -> None:
        operators.erasure.account.close(user_id)
        enable(user_id)

    monkeypatch.setattr(operators.pool, "enable", erased_first)
    assert operators.refusal("user.unblock", user_id=LUNA) == "UserIsErasedError"
    assert not operators.cognito.users[LUNA].enabled
    assert not operators.is_signed_in("any", issued_at=seconds_now() + 60)


def test_a_blocked_user_can_be_erased(operators: OperatorBackend) -> None:
    operators.dreams.pending_video()
    block(operators)
    operators.result("user.erase", user_id=LUNA)
    operators.erasure.run_execution()
    assert operators.refusal("user.find", user_id=LUNA) == "UserNotFoundError"


@pytest.mark.parametrize("command", ["user.block", "user.unblock", "user.erase"])
def test_one_command_at_a_time_changes_a_user(operators: OperatorBackend, command: str) -> None:
    # GIVEN another operator's command that has not ended
    repository = OperationsRepository(operators.database)
    assert repository.hold(LUNA, "another", utc_now())
    before = operators.user_items()
    # THEN this one is refused and changes nothing, while other users are not affected
    assert operators.refusal(command, user_id=LUNA) == "OperationInProgressError"
    assert operators.user_items() == before
    operators.result(command, user_id=STELLA)
    # WHEN the other one has ended, or was interrupted long ago
    operators.later = HOLD + timedelta(seconds=1)
    operators.result(command, user_id=LUNA)


def test_a_command_that_fails_does_not_block_the_next_one(operators: OperatorBackend) -> None:
    operators.cognito.fail("AdminDisableUser", EndpointConnectionError(endpoint_url="https://cognito.invalid"))
    operators.refusal("user.block", user_id=LUNA)
    block(operators)


def test_only_one_of_many_operators_holds_a_user(ministack: Database) -> None:
    repository, now = OperationsRepository(ministack), utc_now()
    with ThreadPoolExecutor(12) as pool:
        held = list(pool.map(lambda number: repository.hold(LUNA, f"operator-{number}", now), range(12)))
    assert held.count(True) == 1
    owner = f"operator-{held.index(True)}"
    repository.release(LUNA, "operator-of-another-command")
    assert not repository.hold(LUNA, "next", now)
    repository.release(LUNA, owner)
    assert repository.hold(LUNA, "next", now)


def test_a_hold_ends_after_90_seconds_and_its_record_expires(operators: OperatorBackend) -> None:
    repository, now = OperationsRepository(operators.database), utc_now().replace(microsecond=0)
    assert repository.hold(LUNA, "one", now)
    assert not repository.hold(LUNA, "another", now + timedelta(seconds=89))
    # A retry of the write, after the response to the first attempt was lost.
    assert repository.hold(LUNA, "one", now)
    (record,) = (item for item in operators.user_items() if item.get("guard") == f"operation#{LUNA}")
    assert record["expires_at"] == record["held_until"] == int(now.timestamp()) + 90
    assert repository.hold(LUNA, "another", now + timedelta(seconds=90))
