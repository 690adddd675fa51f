"""Error mapping and retries: every reply that is no answer, every status, every transport error."""

from collections.abc import Callable

import httpx2
import pytest

from dreamvision.analysis.claude import ClaudeAnalyzer, ClaudeSettings
from dreamvision.analysis.errors import (
    AnalysisError,
    AnalysisTruncatedError,
    ClaudeBillingError,
    ClaudeKeyError,
    ClaudeOverloadedError,
    ClaudeProtocolError,
    ClaudeRequestError,
    ClaudeTimeoutError,
    ClaudeUnreachableError,
    DreamRefusedError,
)
from tests.fakes.claude import GOOD_PROMPT, FakeClaude, FakeClock, Step, failure, message, refusal
from tests.unit.analysis.fixtures import BAD_ANSWER, DREAM, PROMPTS, analyzer, error_of


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (refusal(), DreamRefusedError),
        (message(stop_reason="refusal"), DreamRefusedError),
        (message(content=[], stop_reason="refusal", stop_details=None, usage=None), DreamRefusedError),
        (message('{"category": "fl', stop_reason="max_tokens"), AnalysisTruncatedError),
        (message(content=[], stop_reason="max_tokens"), AnalysisTruncatedError),
        (message(stop_reason="model_context_window_exceeded"), AnalysisTruncatedError),
        (message(stop_reason="pause_turn"), ClaudeProtocolError),
        (message(stop_reason="tool_use"), ClaudeProtocolError),
        (message(stop_reason=None), ClaudeProtocolError),
        (message(stop_reason="out_of_breath"), ClaudeProtocolError),
        (message(content=None), ClaudeProtocolError),
        (message(content="text"), ClaudeProtocolError),
        (message(content=[{"type": "text"}]), ClaudeProtocolError),
        (message(content=[{"type": "text", "text": 5}]), ClaudeProtocolError),
        (message(usage=None), ClaudeProtocolError),
        (message(usage={"input_tokens": 5}), ClaudeProtocolError),
        (message(usage={"input_tokens": "5", "output_tokens": 5}), ClaudeProtocolError),
        (message(usage={"input_tokens": -5, "output_tokens": 5}), ClaudeProtocolError),
        (message(model=None), ClaudeProtocolError),
        (message(model=""), ClaudeProtocolError),
        (httpx2.Response(200, json={}), ClaudeProtocolError),
        (httpx2.Response(200, json=[1]), ClaudeProtocolError),
        (httpx2.Response(200, json=None), ClaudeProtocolError),
        (httpx2.Response(200, html="<h1>It works!</h1>"), ClaudeProtocolError),
        (httpx2.Response(204), ClaudeProtocolError),
        (httpx2.Response(200, content=b"{oops", headers={"content-type": "application/json"}), ClaudeProtocolError),
        (
            httpx2.Response(200, content=b"[" * 99_999, headers={"content-type": "application/json"}),
            ClaudeProtocolError,
        ),
        (httpx2.Response(304), ClaudeProtocolError),
    ],
)
def test_unusable_responses_end_the_analysis(reply: httpx2.Response, expected: type[AnalysisError]) -> None:
    error, requests = error_of(reply)

    assert type(error) is expected
    assert requests == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (failure(400, "invalid_request_error"), ClaudeRequestError),
        (failure(404, "not_found_error"), ClaudeRequestError),
        (failure(413, "request_too_large"), ClaudeRequestError),
        (failure(418), ClaudeRequestError),
        (failure(401, "authentication_error"), ClaudeKeyError),
        (failure(403, "permission_error"), ClaudeKeyError),
        (failure(402, "billing_error"), ClaudeBillingError),
        (failure(403, "billing_error"), ClaudeBillingError),
        (failure(429, "rate_limit_error", code="enforced_spend_limit_reached"), ClaudeBillingError),
        (failure(429, "rate_limit_error", code="contract_spend_limit_reached"), ClaudeBillingError),
        (
            failure(400, "invalid_request_error", "You have reached your specified API usage limits."),
            ClaudeBillingError,
        ),
        (failure(400, "invalid_request_error", "Your credit balance is too low to access it."), ClaudeBillingError),
        (httpx2.Response(400, text="nginx"), ClaudeRequestError),
        (failure(529, headers={"x-should-retry": "false"}), ClaudeOverloadedError),
        (failure(504, headers={"x-should-retry": "false"}), ClaudeTimeoutError),
        (httpx2.ReadTimeout("late"), ClaudeTimeoutError),
        (httpx2.ConnectTimeout("late"), ClaudeTimeoutError),
    ],
)
def test_permanent_errors_are_not_retried(reply: Step, expected: type[AnalysisError]) -> None:
    error, requests = error_of(reply)

    assert type(error) is expected
    assert requests == 1


PASSING: list[tuple[Callable[[], Step], type[AnalysisError]]] = [
    (lambda: failure(429, "rate_limit_error"), ClaudeOverloadedError),
    (lambda: failure(429, "rate_limit_error", code="ramp_limit_exceeded"), ClaudeOverloadedError),
    (lambda: failure(409, "conflict_error"), ClaudeOverloadedError),
    (lambda: failure(500), ClaudeOverloadedError),
    (lambda: failure(503), ClaudeOverloadedError),
    (lambda: failure(529, "overloaded_error"), ClaudeOverloadedError),
    (lambda: httpx2.Response(502, html="<h1>Bad gateway</h1>"), ClaudeOverloadedError),
    (lambda: failure(504, "timeout_error"), ClaudeTimeoutError),
    (lambda: failure(408), ClaudeTimeoutError),
    (lambda: httpx2.ConnectError("no route"), ClaudeUnreachableError),
    (lambda: httpx2.ReadError("reset"), ClaudeUnreachableError),
    (lambda: httpx2.RemoteProtocolError("garbage"), ClaudeUnreachableError),
]


@pytest.mark.parametrize(("step", "expected"), PASSING)
def test_transient_errors_are_retried_once_after_a_pause(
    step: Callable[[], Step], expected: type[AnalysisError]
) -> None:
    error, requests = error_of(step(), step())
    assert type(error) is expected
    assert requests == 2

    claude, clock = FakeClaude([step(), message()]), FakeClock()
    assert analyzer(claude, clock).analyze(DREAM).video_prompt == GOOD_PROMPT
    assert claude.bodies[0] == claude.bodies[1]
    (pause,) = clock.pauses
    assert 0.5 <= pause <= 1.0


def test_the_error_of_the_retry_is_raised() -> None:
    error, requests = error_of(failure(529), failure(401))

    assert type(error) is ClaudeKeyError
    assert requests == 2


def test_an_analysis_has_one_retry_in_all() -> None:
    # at most three requests: the first, its retry, the repair turn
    error, requests = error_of(failure(529), message(BAD_ANSWER), failure(529))

    assert type(error) is ClaudeOverloadedError
    assert requests == 3


def test_a_repair_turn_may_be_retried() -> None:
    claude = FakeClaude([message(BAD_ANSWER), failure(529), message()])

    analysis = analyzer(claude).analyze(DREAM)

    assert analysis.input_tokens == 2_000
    assert claude.bodies[1] == claude.bodies[2]


def test_retry_after_is_respected() -> None:
    claude, clock = FakeClaude([failure(429, headers={"retry-after": "4"}), message()]), FakeClock()

    analyzer(claude, clock).analyze(DREAM)

    assert clock.pauses == [4.0]


def test_retry_after_beyond_the_budget_is_passed_on() -> None:
    error, requests = error_of(failure(429, headers={"retry-after": "3600"}))

    assert isinstance(error, ClaudeOverloadedError)
    assert error.retry_after_seconds == 3_600
    assert requests == 1


@pytest.mark.parametrize("advice", ["soon", "-1", "nan", "1e99", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_an_invalid_retry_after_is_ignored(advice: str) -> None:
    error, requests = error_of(failure(529, headers={"retry-after": advice}), failure(529))

    assert isinstance(error, ClaudeOverloadedError)
    assert error.retry_after_seconds is None
    assert requests == 2


def test_the_clients_own_retries_are_disabled() -> None:
    claude = FakeClaude([failure(529, headers={"x-should-retry": "false"})])
    eager = claude.client().with_options(max_retries=5)

    with pytest.raises(ClaudeOverloadedError):
        ClaudeAnalyzer(ClaudeSettings(), "sk-test", PROMPTS, eager).analyze(DREAM)

    assert len(claude.requests) == 1
