"""Erasing an account deletes all its data and no other user's, even after crashes."""

import itertools
from contextlib import suppress

import pytest

from dreamvision.auth.errors import InvalidCredentialsError
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.limits.rate_limits import CODE_SCOPES, email_key
from dreamvision.limits.repository import rate_guard
from dreamvision.users.repository import AccountErasedError
from dreamvision.users.usernames import UsernameTakenError
from tests.fakes.cognito_state import refused
from tests.integration.dreams.fixtures import LUNA, STELLA
from tests.integration.erasure.fixtures import (
    GRACE,
    LONG_TEXT,
    LUNAS_EMAIL,
    LUNAS_NAME,
    STELLAS_EMAIL,
    STELLAS_NAME,
    ErasureBackend,
    Killed,
    populated_account,
    status_of,
)


def _is_erased(erasure: ErasureBackend) -> None:
    """Assert that nothing of Luna's is left except the record that her sessions are revoked."""
    codes = [rate_guard(scope, email_key(LUNAS_EMAIL, erasure.pool.seal)) for scope in CODE_SCOPES]
    assert len(erasure.remains_of(LUNA, LUNAS_EMAIL, LUNAS_NAME, LUNAS_NAME.lower(), *codes)) == 1
    guard = next(item for item in erasure.items() if f"sessions#{LUNA}" in str(item))
    assert set(guard) == {"guard", "erased", "all_until", "expires_at"}
    assert LUNA not in erasure.cognito.users


def test_erasing_an_account_deletes_all_its_data_and_no_other_users(erasure: ErasureBackend) -> None:
    populated_account(erasure)
    theirs = populated_account(erasure, STELLA)
    erasure.put_media(f"uploads/{LUNA}/forgotten.jpg")
    marks = [STELLA, STELLAS_EMAIL, STELLAS_NAME.lower(), *theirs]
    before = erasure.remains_of(*marks)

    answer = erasure.delete_account()
    erasure.run_execution()

    assert (answer.status, answer.body) == (204, None)
    _is_erased(erasure)
    assert erasure.remains_of(*marks) == before
    assert STELLA in erasure.cognito.users
    assert LUNA not in str(erasure.dreams.media_keys())
    # AND username and address are free again
    erasure.add_account("33333333-3333-4333-8333-333333333333", LUNAS_EMAIL, LUNAS_NAME)


def test_the_erasure_of_an_account_is_counted_once(erasure: ErasureBackend, capsys: pytest.CaptureFixture[str]) -> None:
    populated_account(erasure)
    erasure.delete_account()
    erasure.run_execution()
    assert capsys.readouterr().out.count('"ErasuresFinished":[1.0]') == 1


def test_deleting_an_account_closes_it_at_once(erasure: ErasureBackend) -> None:
    backend = erasure.dreams
    populated_account(erasure)
    erasure.delete_account()

    # THEN none of its tokens is valid any more, not even one issued at this moment
    with pytest.raises(UnauthenticatedError):
        erasure.sessions.require_active(LUNA, "a-session", int(utc_now().timestamp()) + 60)
    erasure.sessions.start(LUNA, "late-session", int(utc_now().timestamp()))
    with pytest.raises(UnauthenticatedError):
        erasure.sessions.require_active(LUNA, "late-session", int(utc_now().timestamp()))
    assert status_of("/api/v1/dreams") == 401
    assert erasure.delete_account().status == 401
    # AND signing in fails
    with pytest.raises(InvalidCredentialsError):
        erasure.pool.sign_in(LUNAS_EMAIL, "Moonlight7")
    # AND a request that was admitted before stores nothing new
    with pytest.raises(AccountErasedError):
        backend.analyzed_dream()
    with pytest.raises(AccountErasedError):
        backend.pending_video()
    # AND the username stays taken until the erasure ends
    with pytest.raises(UsernameTakenError):
        backend.usernames.reserve(LUNAS_NAME, utc_now())


def test_media_written_during_the_erasure_are_deleted(erasure: ErasureBackend) -> None:
    """A killed task writes media while the erasure waits for its grace period."""
    backend = erasure.dreams
    video = backend.processing_video(backend.analyzed_dream())
    erasure.delete_account()

    def straggle() -> None:
        assert backend.media_keys() == []
        erasure.put_media(f"videos/{LUNA}/{video.job_id}.mp4")
        erasure.put_media(f"thumbnails/{video.media_token}/{video.job_id}.jpg")

    erasure.machine.on_wait = straggle
    erasure.run_execution()

    _is_erased(erasure)
    assert backend.media_keys() == []


def test_texts_of_interrupted_requests_are_deleted(erasure: ErasureBackend) -> None:
    # GIVEN the text of a dream whose row was never written
    client = erasure.dreams.database.client
    client.put_item(TableName="DreamsTable", Item={"user_id": f"text#{LUNA}", "dream_id": new_id(), "t": "I flew"})
    erasure.dreams.analyzed_dream(text=LONG_TEXT)

    erasure.delete_account()
    erasure.run_execution()

    assert erasure.remains_of(f"text#{LUNA}") == []


def test_an_empty_account_is_erased_in_memory(erasure: ErasureBackend) -> None:
    erasure.delete_account()
    erasure.run_execution()

    _is_erased(erasure)
    assert erasure.machine.waited == [GRACE]


def test_an_account_without_a_profile_is_erased(erasure: ErasureBackend) -> None:
    erasure.dreams.usernames.delete_profile(LUNA)

    erasure.delete_account()
    erasure.run_execution()

    assert LUNA not in erasure.cognito.users


def test_erasing_twice_is_harmless(erasure: ErasureBackend) -> None:
    populated_account(erasure)
    erasure.delete_account()
    erasure.run_execution()
    erasure.run_execution()

    _is_erased(erasure)


def test_erasing_an_account_survives_a_crash_at_every_call(erasure: ErasureBackend) -> None:
    """Kill the n-th execution at its n-th call, until one completes."""
    videos = populated_account(erasure)
    populated_account(erasure, STELLA)
    theirs = erasure.remains_of(STELLA)
    erasure.delete_account()
    for number in itertools.count(1):
        erasure.kill_at_call(number)
        with suppress(Killed):
            erasure.run_execution()
            break
    erasure.kill_at_call(None)

    assert number > 30
    _is_erased(erasure)
    assert erasure.remains_of(STELLA) == theirs
    rendered = {str(video.provider_task_id) for each in videos.values() for video in each if video.provider_task_id}
    assert set(erasure.dreams.renderer.cancelled) == rendered


def test_the_execution_completes_a_crashed_erasure_request(erasure: ErasureBackend) -> None:
    """The signed-out user cannot repeat the request."""
    populated_account(erasure)
    erasure.kill_at_call(4)
    with pytest.raises(Killed):
        erasure.delete_account()
    erasure.kill_at_call(None)

    erasure.run_execution()

    _is_erased(erasure)


@pytest.mark.parametrize("operation", ["AdminDisableUser", "AdminUserGlobalSignOut", "AdminDeleteUser"])
def test_a_busy_cognito_is_retried(erasure: ErasureBackend, operation: str) -> None:
    populated_account(erasure)
    erasure.record_erasure(LUNA)
    erasure.erasures.started["account"] = {"user_id": LUNA, "whole_account": True, "dream_id": None}
    erasure.cognito.fail(operation, refused("TooManyRequestsException"))

    with suppress(DreamVisionError):
        erasure.run_execution()

    _is_erased(erasure)
