"""The time budget of an analysis: timeouts of requests, retries and the repair turn."""

import pytest

from dreamvision.analysis.errors import (
    ClaudeOverloadedError,
    ClaudeTimeoutError,
)
from tests.fakes.claude import GOOD_PROMPT, FakeClaude, FakeClock, failure, message
from tests.unit.analysis.fixtures import BAD_ANSWER, DREAM, analyzer, reply_after, timeouts


def test_a_request_has_its_timeout_and_a_connection_five_seconds() -> None:
    claude = FakeClaude([message()])

    analyzer(claude, timeout_seconds=12).analyze(DREAM, budget_seconds=60)

    assert timeouts(claude) == [{"connect": 5.0, "read": 12, "write": 12, "pool": 12}]


def test_a_request_timeout_never_exceeds_the_budget() -> None:
    claude, clock = FakeClaude([]), FakeClock()
    claude.steps = [reply_after(clock, 6, message(BAD_ANSWER)), message()]

    analyzer(claude, clock, timeout_seconds=20).analyze(DREAM, budget_seconds=10)

    assert [timeout["read"] for timeout in timeouts(claude)] == [10, 4]
    assert [timeout["connect"] for timeout in timeouts(claude)] == [5, 4]


@pytest.mark.parametrize("budget", [2.9, 0, -5])
def test_no_request_is_sent_without_time_for_an_answer(budget: float) -> None:
    claude = FakeClaude([])

    with pytest.raises(ClaudeTimeoutError):
        analyzer(claude).analyze(DREAM, budget_seconds=budget)

    assert claude.requests == []


def test_there_is_no_retry_without_time_for_it() -> None:
    claude, clock = FakeClaude([]), FakeClock()
    claude.steps = [reply_after(clock, 7, failure(529))]

    with pytest.raises(ClaudeOverloadedError):
        analyzer(claude, clock).analyze(DREAM, budget_seconds=10)

    assert clock.pauses == []


def test_there_is_no_repair_turn_without_time_for_it() -> None:
    claude, clock = FakeClaude([]), FakeClock()
    claude.steps = [reply_after(clock, 8, message(BAD_ANSWER))]

    with pytest.raises(ClaudeTimeoutError):
        analyzer(claude, clock).analyze(DREAM, budget_seconds=10)


def test_a_valid_answer_counts_even_after_the_budget() -> None:
    claude, clock = FakeClaude([]), FakeClock()
    claude.steps = [reply_after(clock, 11, message())]

    assert analyzer(claude, clock).analyze(DREAM, budget_seconds=10).video_prompt == GOOD_PROMPT


def test_the_settings_budget_is_the_default() -> None:
    claude, clock = FakeClaude([message()]), FakeClock()

    analyzer(claude, clock, budget_seconds=7).analyze(DREAM)

    assert timeouts(claude)[0]["read"] == 7
