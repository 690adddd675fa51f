"""Unfinished erasures are found and started again, wherever the request, the execution or the sweep was interrupted."""

import itertools
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.open_erasures import OpenErasure
from dreamvision.erasure.sweeper import RestartIncompleteError, RestartResult
from dreamvision.erasure.workflow import ErasureUnavailableError, ErasureWorkflow
from tests.conftest import load_event, load_function
from tests.fakes.asl import ExecutionFailedError
from tests.integration.dreams.fixtures import LUNA, STELLA
from tests.integration.erasure.fixtures import (
    FUNCTIONS,
    LUNAS_EMAIL,
    LUNAS_NAME,
    ErasureBackend,
    Killed,
    populated_account,
    status_of,
)
from tests.permissions.running import running_as

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="request"
)


def _only_the_sessions_are_left(erasure: ErasureBackend, user_id: str) -> None:
    (left,) = erasure.remains_of(user_id)
    assert f"sessions#{user_id}" in left
    assert user_id not in erasure.cognito.users


def _complete_by_the_sweep(erasure: ErasureBackend, dying: bool = False) -> None:
    """Let the sweep restart what is unfinished, and run it, until nothing is. No execution ran before.

    ``dying``: the n-th execution is killed at its n-th call.
    """
    for number in itertools.count(1):
        erasure.lose_executions()
        if not erasure.open_records():
            break
        assert erasure.sweep().restarted == 1
        erasure.kill_at_call(number if dying else None)
        with suppress(Killed):
            erasure.run_execution()
        erasure.kill_at_call(None)
        assert number < 300


def test_an_erasure_is_recorded_until_its_end(erasure: ErasureBackend) -> None:
    dream = erasure.dreams.analyzed_dream()
    erasure.delete_dream(dream.dream_id)
    erasure.delete_account(STELLA)
    assert {(item["user_id"], item.get("dream_id")) for item in erasure.open_records()} == {
        (LUNA, dream.dream_id),
        (STELLA, None),
    }
    for started in erasure.erasures.started.values():
        erasure.machine.run(started)
    assert erasure.open_records() == []


def test_a_request_killed_at_any_call_is_completed_or_changed_nothing(erasure: ErasureBackend) -> None:
    """The execution that it may have started never did anything."""
    for number in itertools.count(1):
        user_id = f"{number:08d}-3333-4333-8333-333333333333"
        erasure.add_account(user_id, f"{number}@example.com", f"Dreamer {number}")
        populated_account(erasure, user_id)
        before = erasure.remains_of(user_id)
        erasure.kill_at_call(number)
        done = False
        with suppress(Killed):
            done = erasure.delete_account(user_id).status == 204
        erasure.kill_at_call(None)
        if erasure.open_records():
            _complete_by_the_sweep(erasure)
            _only_the_sessions_are_left(erasure, user_id)
        else:
            assert erasure.remains_of(user_id) == before
        if done:
            break
    assert number > 5


def test_a_dreams_request_killed_at_any_call_is_completed_or_changed_nothing(erasure: ErasureBackend) -> None:
    for number in itertools.count(1):
        dream = erasure.dreams.analyzed_dream()
        erasure.dreams.completed_video(dream)
        erasure.kill_at_call(number)
        done = False
        with suppress(Killed):
            done = erasure.delete_dream(dream.dream_id).status == 204
        erasure.kill_at_call(None)
        if erasure.open_records():
            _complete_by_the_sweep(erasure)
            assert erasure.remains_of(dream.dream_id) == []
        else:
            assert status_of("/api/v1/dreams/{dream_id}", dream_id=dream.dream_id) == 200
        if done:
            break
    assert number > 5


@pytest.mark.parametrize("what", ["account", "dream"])
def test_an_execution_killed_at_any_call_is_completed_by_the_sweep(erasure: ErasureBackend, what: str) -> None:
    videos = populated_account(erasure)
    dream_id = next(iter(videos))
    if what == "account":
        erasure.delete_account()
    else:
        erasure.delete_dream(dream_id)
    _complete_by_the_sweep(erasure, dying=True)
    if what == "account":
        _only_the_sessions_are_left(erasure, LUNA)
        assert erasure.remains_of(LUNAS_EMAIL, LUNAS_NAME) == []
    else:
        assert erasure.remains_of(dream_id) == []
        assert status_of("/api/v1/auth/me") == 200


def test_a_sweep_killed_at_any_call_is_completed_by_the_next(erasure: ErasureBackend) -> None:
    populated_account(erasure)
    erasure.delete_account()
    for number in itertools.count(1):
        erasure.lose_executions()
        erasure.kill_at_call(number)
        started = len(erasure.erasures.started)
        with suppress(Killed):
            assert erasure.sweep().restarted == 1
            break
        erasure.kill_at_call(None)
        assert erasure.open_records()
    erasure.kill_at_call(None)
    assert number > 4
    assert len(erasure.erasures.started) == started + 1
    erasure.run_execution()
    _only_the_sessions_are_left(erasure, LUNA)


def test_a_running_erasure_is_not_started_again(erasure: ErasureBackend) -> None:
    erasure.delete_account()
    assert erasure.sweep() == RestartResult(1, 0)
    assert len(erasure.erasures.started) == 1


def test_a_request_in_progress_is_left_alone(erasure: ErasureBackend) -> None:
    erasure.delete_account()
    erasure.lose_executions()
    assert erasure.sweep(hours=1 / 60) == RestartResult(0, 0)


def test_an_erasure_that_fails_at_once_is_restarted_once_an_hour(erasure: ErasureBackend) -> None:
    erasure.delete_account()
    erasure.seconds -= erasure.seconds % 3600  # the beginning of an hour
    restarted = 0
    for _ in range(8):
        erasure.lose_executions()
        restarted += erasure.sweep(hours=0.25).restarted
    assert restarted in (2, 3)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_an_ended_execution_with_an_open_record_is_restarted(erasure: ErasureBackend, status: str) -> None:
    erasure.delete_account()
    erasure.erasures.ended = dict.fromkeys(erasure.erasures.started, status)
    assert erasure.sweep().restarted == 1


def test_an_erasure_completed_meanwhile_is_not_restarted(erasure: ErasureBackend) -> None:
    """The index of the open erasures is eventually consistent."""
    erasure.delete_account()
    erasure.run_execution()
    erasure.lose_executions()
    (execution,) = erasure.erasures.started
    assert not erasure.workflow.restart(OpenErasure(user_id=LUNA, execution=execution))
    assert erasure.open_records() == []


def test_an_erasure_that_did_not_start_is_not_recorded(erasure: ErasureBackend) -> None:
    erasure.erasures.refusal = "ServiceUnavailable"
    with running_as("ApiDeleteAccount"), pytest.raises(ErasureUnavailableError):
        erasure.workflow.erase_account(LUNA)
    assert erasure.open_records() == []


def test_a_repeated_request_that_does_not_start_keeps_the_record(erasure: ErasureBackend) -> None:
    erasure.workflow.erase_account(LUNA)
    erasure.seconds += 600
    erasure.erasures.refusal = "ServiceUnavailable"
    with pytest.raises(ErasureUnavailableError):
        erasure.workflow.erase_account(LUNA)
    assert [item["user_id"] for item in erasure.open_records()] == [LUNA]
    erasure.lose_executions()
    assert erasure.sweep().restarted == 1


def test_one_failed_restart_does_not_keep_the_others(erasure: ErasureBackend) -> None:
    erasure.delete_account(LUNA)
    erasure.delete_account(STELLA)
    erasure.lose_executions()
    erasure.erasures.refusal = "ThrottlingException"
    with pytest.raises(RestartIncompleteError):
        erasure.sweep()
    assert len(erasure.erasures.started) == 3
    assert erasure.sweep(hours=0).restarted == 1


@pytest.mark.parametrize("folder", FUNCTIONS.values())
def test_a_function_that_dies_is_repeated(erasure: ErasureBackend, folder: str) -> None:
    populated_account(erasure)
    erasure.delete_account()
    erasure.deaths[folder] = 12
    erasure.run_execution()
    _only_the_sessions_are_left(erasure, LUNA)


@pytest.mark.parametrize("folder", sorted(set(FUNCTIONS.values()) - {"cancel_renders"}))
def test_a_function_that_always_dies_fails_the_execution(erasure: ErasureBackend, folder: str) -> None:
    populated_account(erasure)
    erasure.delete_account()
    erasure.deaths[folder] = 13
    with pytest.raises(ExecutionFailedError, match=r"Lambda\.Unknown"):
        erasure.run_execution()
    assert erasure.machine.entered[-1] == "ErasureFailed"
    _complete_by_the_sweep(erasure)
    _only_the_sessions_are_left(erasure, LUNA)


def test_media_are_deleted_even_if_renders_cannot_be_cancelled(erasure: ErasureBackend) -> None:
    populated_account(erasure)
    erasure.delete_account()
    erasure.deaths["cancel_renders"] = 100
    with pytest.raises(ExecutionFailedError, match="RenderCancelUnconfirmedError"):
        erasure.run_execution()
    _only_the_sessions_are_left(erasure, LUNA)  # the record too: repeating would not help


def test_the_functions_may_do_what_they_do(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    erasure.seconds -= 3600  # before the grace period of the sweep
    dream = erasure.dreams.analyzed_dream()
    erasure.dreams.completed_video(dream)
    monkeypatch.setattr(ErasureWorkflow, "shared", lambda: erasure.workflow)
    assert erasure.delete_dream(dream.dream_id).status == 204
    names = {"user_id": LUNA, "whole_account": False, "dream_id": dream.dream_id}
    load_function("workflows/erasure/delete_media").handler(names, CONTEXT)
    load_function("workflows/erasure/purge_tombstones").handler(names, CONTEXT)
    assert erasure.delete_account().status == 204
    erasure.seconds += 600
    erasure.erasures.refusal = "ServiceUnavailable"
    with running_as("ApiDeleteAccount"), pytest.raises(ErasureUnavailableError):
        AccountErasure.shared().start(STELLA, erasure.workflow)
    erasure.lose_executions()
    event = load_event("triggers/restart-erasures")
    assert load_function("triggers/restart_erasures").handler(event, CONTEXT) == {"checked": 1, "restarted": 1}
    load_function("workflows/erasure/delete_account").handler({"user_id": LUNA, "whole_account": True}, CONTEXT)
    assert erasure.open_records() == []
