"""Every state, retry and catch of dream_to_video: which states follow, and how often each task runs."""

from collections import Counter

import pytest

from tests.fakes.asl import SERVICE_ERRORS
from tests.unit.workflows.fixtures import (
    ENDED_BY_LAMBDA,
    HANGS,
    OTHERS,
    Rule,
    Walk,
    known_errors,
    name_of,
    rule_for,
)

IDS = {"user_id": "user", "dream_id": "dream", "job_id": "job", "needs_analysis": True}
FIRST_WAIT, INTERVAL, DEADLINE = 20, 5, 600
RENDERING, SUCCEEDED = {"render": "rendering"}, {"render": "succeeded"}

POLL = ("WaitForRender", "PollVideo", "RenderOutcome")
ARCHIVED = ("ArchiveVideo", "VideoCompleted")
RENDERED = (*POLL, *POLL, *ARCHIVED)
RECORDED = ("RecordFailure", "DreamFailed")
UNWANTED = ("CancelUnwanted", "VideoClosed")
TO_POLL = ("NeedsAnalysis?", "AnalyzeDream", "GenerateVideo", "WaitForRender", "PollVideo")

# How an execution comes to each state: the failures on the way, the states up to it, and those after it. The second
# poll finds the render succeeded, unless the first did.
ROUTES: dict[str, tuple[dict[str, list[str]], tuple[str, ...], tuple[str, ...]]] = {
    "AnalyzeDream": ({}, TO_POLL[:2], ("GenerateVideo", *RENDERED)),
    "GenerateVideo": ({}, TO_POLL[:3], RENDERED),
    "ConfirmRender": ({"GenerateVideo": ["Lambda.Unknown"]}, (*TO_POLL[:3], "ConfirmRender"), RENDERED),
    "PollVideo": ({}, TO_POLL, ("RenderOutcome", *POLL, *ARCHIVED)),
    "CancelRender": ({"PollVideo": ["RenderKeyError"]}, (*TO_POLL, "CancelRender"), RECORDED),
    "CancelUnwanted": ({"PollVideo": ["VideoFinalError"]}, (*TO_POLL, "CancelUnwanted"), ("VideoClosed",)),
    "ArchiveVideo": ({}, (*TO_POLL, "RenderOutcome", *POLL, "ArchiveVideo"), ("VideoCompleted",)),
    "RecordFailure": ({"AnalyzeDream": ["DreamRefusedError"]}, (*TO_POLL[:2], "RecordFailure"), ("DreamFailed",)),
}
ERROR_ON_THE_WAY = {"CancelRender": "RenderKeyError", "RecordFailure": "DreamRefusedError"}

RULES: dict[str, tuple[Rule, ...]] = {
    "AnalyzeDream": (
        Rule(("ClaudeOverloadedError", "ClaudeUnreachableError"), (2, 4), RECORDED),
        Rule(SERVICE_ERRORS, (1, 2, 4), RECORDED),
        # Repeating it costs at most another analysis.
        Rule(ENDED_BY_LAMBDA, (2, 4), RECORDED),
        Rule(("DreamNotFoundError",), (), ("VideoClosed",)),
        Rule(OTHERS, (), RECORDED),
    ),
    "GenerateVideo": (
        # It is certain that no render was created.
        Rule(("RenderBusyError", "RenderUnreachableError"), (3, 6, 12, 24), RECORDED),
        Rule(SERVICE_ERRORS, (1, 2, 4), RECORDED),
        Rule(("VideoNotFoundError", "DreamNotFoundError"), (), ("VideoClosed",)),
        Rule(("VideoFinalError", "RenderCancelUnconfirmedError"), (), UNWANTED),
        # A render may have been paid for: the row decides.
        Rule((*ENDED_BY_LAMBDA, "ContentionError", "UnexpectedError"), (), ("ConfirmRender", *RENDERED)),
        Rule(("RenderOutcomeUnknownError", "RenderModerationError", *OTHERS), (), RECORDED),
    ),
    "ConfirmRender": (
        Rule(
            (
                *("RenderBusyError", "RenderUnreachableError", "ContentionError", "UnexpectedError"),
                *(ENDED_BY_LAMBDA + SERVICE_ERRORS),
            ),
            (3, 6, 12, 24),
            ("CancelRender", *RECORDED),
        ),
        Rule(("VideoNotFoundError", "DreamNotFoundError"), (), ("VideoClosed",)),
        Rule(("VideoFinalError", "RenderCancelUnconfirmedError"), (), UNWANTED),
        Rule(("RenderOutcomeUnknownError", *OTHERS), (), ("CancelRender", *RECORDED)),
    ),
    "PollVideo": (
        Rule(
            (
                *("RenderStatusUnavailableError", "ContentionError", "UnexpectedError"),
                *(ENDED_BY_LAMBDA + SERVICE_ERRORS),
            ),
            (2, 4, 8, 16, 20),
            ("RenderOutcome", *POLL, *POLL, *ARCHIVED),
        ),
        Rule(("VideoNotFoundError",), (), ("VideoClosed",)),
        Rule(("VideoFinalError",), (), UNWANTED),
        Rule(
            (
                *("RenderFailedError", "RenderModerationError", "RenderCancelledError"),
                *("RenderEmptyOutputError", "RenderTaskLostError"),
            ),
            (),
            RECORDED,
        ),
        Rule(("RenderKeyError",), (), ("CancelRender", *RECORDED)),
        # It says nothing about the render, which is paid for.
        Rule(OTHERS, (), ("RenderOutcome", *POLL, *POLL, *ARCHIVED)),
    ),
    "CancelRender": (
        Rule(
            ("RenderCancelUnconfirmedError", "RenderStatusUnavailableError", *ENDED_BY_LAMBDA, *SERVICE_ERRORS),
            (2, 4, 8),
            RECORDED,
            "RenderKeyError",
        ),
        Rule(OTHERS, (), RECORDED, "RenderKeyError"),
    ),
    "CancelUnwanted": (
        Rule(("RenderCancelUnconfirmedError", *ENDED_BY_LAMBDA, *SERVICE_ERRORS), (2, 4, 8, 16, 32), ("DreamFailed",)),
        Rule(("VideoNotFoundError",), (), ("VideoClosed",)),
        Rule(OTHERS, (), ("DreamFailed",)),
    ),
    "ArchiveVideo": (
        Rule(
            (
                *("SourceUnavailableError", "SourceTruncatedError", "SourceTooSlowError", "MediaUploadError"),
                *("ContentionError", *SERVICE_ERRORS),
            ),
            (2, 4),
            RECORDED,
        ),
        Rule(ENDED_BY_LAMBDA, (2, 4), RECORDED),
        Rule(("VideoNotFoundError",), (), ("VideoClosed",)),
        Rule(("VideoFinalError",), (), UNWANTED),
        # Another poll stores a fresh link.
        Rule(("SourceExpiredError",), (), ("LinkExpired?", *POLL, *ARCHIVED)),
        Rule(OTHERS, (), RECORDED),
    ),
    "RecordFailure": (
        Rule(
            ("ContentionError", "UnexpectedError", *ENDED_BY_LAMBDA, *SERVICE_ERRORS),
            (1, 2, 4, 8, 16),
            ("DreamFailed",),
            "DreamRefusedError",
        ),
        Rule(OTHERS, (), ("DreamFailed",), "DreamRefusedError"),
    ),
}
CASES = [(state, error) for state in RULES for error in known_errors(RULES)]


def _walk(deadline: int = DEADLINE, needs_analysis: bool = True) -> Walk:
    substitutions = {
        "PollFirstWait": str(FIRST_WAIT),
        "PollInterval": str(INTERVAL),
        "PollDeadline": str(deadline),
    }
    walk = Walk("dream_to_video", IDS | {"needs_analysis": needs_analysis}, substitutions)
    walk.script["PollVideo"] = [RENDERING, SUCCEEDED]
    return walk


@pytest.fixture
def walk() -> Walk:
    return _walk()


def _passes_the_ids_only(walk: Walk) -> None:
    """Every state has the execution's input: names of errors and results are variables."""
    given = {name: walk.machine.inputs[0][name] for name in IDS}
    for state, data in zip(walk.machine.entered, walk.machine.inputs, strict=True):
        assert data == given or state == "VideoClosed", state
    for state, arguments in walk.arguments:
        assert {name: arguments[name] for name in arguments if name != "error"} == given, state
        assert ("error" in arguments) == (state == "RecordFailure")


def test_every_task_has_a_route_and_rules(walk: Walk) -> None:
    assert set(RULES) == set(ROUTES) == set(walk.tasks)


def test_every_state_runs_its_own_function(walk: Walk) -> None:
    shared = {"ConfirmRender": "GenerateVideo", "CancelUnwanted": "CancelRender"}
    assert walk.tasks == {name: shared.get(name, name) for name in RULES}


@pytest.mark.parametrize("needs_analysis", [True, False])
def test_a_dream_becomes_a_video(needs_analysis: bool) -> None:
    walk = _walk(needs_analysis=needs_analysis)
    assert walk.run() is None
    path = ("NeedsAnalysis?", *(("AnalyzeDream",) if needs_analysis else ()), "GenerateVideo", *RENDERED)
    assert tuple(walk.machine.entered) == path
    assert walk.machine.waited == [FIRST_WAIT, INTERVAL]
    assert walk.machine.invocations == walk.invocations_of(path)
    assert walk.output == IDS | {"needs_analysis": needs_analysis}
    _passes_the_ids_only(walk)


@pytest.mark.parametrize(("state", "error"), CASES)
def test_an_error_that_lasts_is_caught(walk: Walk, state: str, error: str) -> None:
    rule = rule_for(RULES[state], error)
    failures, before, _ = ROUTES[state]
    for failing, errors in (failures | {state: [error] * (len(rule.delays) + 1)}).items():
        walk.fail(failing, *errors)

    failed_with = walk.run()

    path = (*before, *rule.after)
    assert tuple(walk.machine.entered) == path
    assert walk.machine.retried == [(state, delay) for delay in rule.delays]
    assert walk.machine.invocations == walk.invocations_of(path) + Counter({state: len(rule.delays)})
    expected = (rule.error or name_of(error)) if path[-1] == "DreamFailed" else None
    assert failed_with == expected
    assert bool(walk.cause) == (expected is not None)
    assert {each["error"] for each in walk.arguments_of("RecordFailure")} <= {expected}
    _passes_the_ids_only(walk)


@pytest.mark.parametrize(
    ("state", "error"), [(state, error) for state, error in CASES if rule_for(RULES[state], error).delays]
)
def test_an_error_that_passes_is_retried(walk: Walk, state: str, error: str) -> None:
    rule = rule_for(RULES[state], error)
    failures, before, after = ROUTES[state]
    for failing, errors in (failures | {state: [error] * len(rule.delays)}).items():
        walk.fail(failing, *errors)

    failed_with = walk.run()

    path = (*before, *after)
    assert tuple(walk.machine.entered) == path
    assert walk.machine.invocations == walk.invocations_of(path) + Counter({state: len(rule.delays)})
    assert failed_with == ERROR_ON_THE_WAY.get(state)
    _passes_the_ids_only(walk)


def test_each_kind_of_error_has_its_own_retries(walk: Walk) -> None:
    errors = [
        *("ClaudeOverloadedError", "Lambda.Unknown", "Lambda.ServiceException"),
        *("ClaudeUnreachableError", "Runtime.ExitError", "Lambda.SdkClientException", "Lambda.ServiceException"),
    ]
    walk.fail("AnalyzeDream", *errors)
    assert walk.run() is None
    assert walk.machine.invocations["AnalyzeDream"] == 8


def test_a_render_is_polled_until_its_deadline(walk: Walk) -> None:
    walk.script["PollVideo"] = [RENDERING]
    assert walk.run() == "RenderDeadlineError"
    polls = 1 + (DEADLINE - FIRST_WAIT) // INTERVAL
    assert walk.machine.waited == [FIRST_WAIT] + [INTERVAL] * (polls - 1)
    path = (*TO_POLL[:3], *(POLL * polls), "CancelRender", *RECORDED)
    assert tuple(walk.machine.entered) == path
    assert walk.machine.invocations == walk.invocations_of(path)
    assert [each["error"] for each in walk.arguments_of("RecordFailure")] == ["RenderDeadlineError"]


def test_a_confirmed_render_has_a_deadline_of_its_own(walk: Walk) -> None:
    walk.fail("GenerateVideo", "Lambda.Unknown")
    walk.fail("ConfirmRender", *[HANGS] * 4)
    walk.script["PollVideo"] = [RENDERING]
    assert walk.run() == "RenderDeadlineError"
    assert sum(walk.machine.waited) == DEADLINE
    assert walk.machine.waited[:2] == [FIRST_WAIT, INTERVAL]


def test_a_render_that_succeeded_at_the_deadline_is_archived() -> None:
    walk = _walk(deadline=FIRST_WAIT)
    walk.script["PollVideo"] = [SUCCEEDED]
    assert walk.run() is None
    assert walk.machine.entered[-2:] == list(ARCHIVED)


def test_a_failed_poll_does_not_keep_an_earlier_status(walk: Walk) -> None:
    walk.script["PollVideo"] = [RENDERING, "AnyOtherError"]
    assert walk.run() == "RenderDeadlineError"
    assert walk.machine.entered[-3:] == ["CancelRender", *RECORDED]
