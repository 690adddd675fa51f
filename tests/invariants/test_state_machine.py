"""The state machines as data: timeouts, retries, failures."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import dreamvision
from local.transformed import Evaluation
from tests.conftest import REPOSITORY
from tests.fakes.asl import DEATHS
from tests.fakes.aws import template


def _machine(name: str) -> dict[str, Any]:
    definition = REPOSITORY / "functions" / "workflows" / name / f"{name}.asl.yaml"
    found: dict[str, Any] = yaml.safe_load(definition.read_text())
    return found


def _tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in machine["States"].items() if state["Type"] == "Task"}


MACHINE = _machine("dream_to_video")
ERASURE = _machine("erasure")
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = _tasks(MACHINE) | _tasks(ERASURE)


def _function(task: dict[str, Any]) -> str:
    """Return the logical id of the state's function, without its suffix ``Function``."""
    return str(task["Resource"]).removeprefix("${").removesuffix("Arn}")


def test_the_machine_has_a_timeout_beyond_the_longest_deadline() -> None:
    longest = template()["Parameters"]["PollDeadline"]["MaxValue"]
    assert MACHINE["TimeoutSeconds"] > longest + 600
    assert MACHINE["QueryLanguage"] == ERASURE["QueryLanguage"] == "JSONata"


def test_an_erasure_has_time_for_its_retries_and_waits_longer_than_any_function_runs() -> None:
    resources = template()["Resources"].values()
    longest = max(each["Properties"].get("Timeout", 0) for each in resources if each["Type"].endswith("::Function"))
    assert template()["Parameters"]["EraseGrace"]["Default"] > longest
    assert ERASURE["TimeoutSeconds"] >= 6 * 3600


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_timeout_a_little_longer_than_its_functions(name: str) -> None:
    resources = template()["Resources"]
    function = resources[f"{_function(TASKS[name])}Function"]["Properties"]
    assert function["Timeout"] < TASKS[name]["TimeoutSeconds"] <= function["Timeout"] + 20


@pytest.mark.parametrize("name", TASKS)
def test_a_task_never_retries_everything(name: str) -> None:
    for retry in TASKS[name]["Retry"]:
        assert "States.ALL" not in retry["ErrorEquals"]
        assert "States.TaskFailed" not in retry["ErrorEquals"]
        assert retry["JitterStrategy"] == "FULL"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_catches_everything(name: str) -> None:
    assert TASKS[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_an_ambiguous_start_and_a_refusal_are_never_retried() -> None:
    never = {"RenderOutcomeUnknownError", "RenderModerationError", "States.Timeout", "UnexpectedError", *DEATHS}
    assert _retried("GenerateVideo").isdisjoint(never)
    assert _retried("ConfirmRender").isdisjoint({"RenderOutcomeUnknownError", "RenderModerationError"})


def _retried(name: str) -> set[str]:
    return {error for retry in TASKS[name]["Retry"] for error in retry["ErrorEquals"]}


def _caught(name: str, error: str) -> str:
    """Return the state that follows the error, once the retries are used up."""
    for rule in TASKS[name]["Catch"]:
        if {error, "States.ALL"} & set(rule["ErrorEquals"]):
            return str(rule["Next"])
    raise AssertionError(f"{name} does not catch {error}")


# What follows when Lambda ends the function of a state: whether the state is retried, and the state after the last try.
AFTER_A_DEATH = {
    "AnalyzeDream": (True, "RecordFailure"),
    # The only state that pays: the row tells whether it did.
    "GenerateVideo": (False, "ConfirmRender"),
    "ConfirmRender": (True, "CancelRender"),
    # A paid render is polled until its deadline.
    "PollVideo": (True, "RenderOutcome"),
    "CancelRender": (True, "RecordFailure"),
    "CancelUnwanted": (True, "DreamFailed"),
    "ArchiveVideo": (True, "RecordFailure"),
    "RecordFailure": (True, "DreamFailed"),
    "CloseAccount": (True, "ErasureFailed"),
    "SoftDelete": (True, "ErasureFailed"),
    # The user's data is erased even if a render is left at the provider.
    "CancelRenders": (True, "DeleteMedia"),
    "DeleteMedia": (True, "ErasureFailed"),
    "PurgeTombstones": (True, "ErasureFailed"),
    "DeleteAccount": (True, "ErasureFailed"),
}


@pytest.mark.parametrize("death", [*DEATHS, "States.Timeout"])
@pytest.mark.parametrize("name", TASKS)
def test_every_task_handles_the_death_of_its_function(name: str, death: str) -> None:
    assert (death in _retried(name), _caught(name, death)) == AFTER_A_DEATH[name]


@pytest.mark.parametrize("error", ["UnexpectedError", "ContentionError", "RenderStatusUnavailableError", "AnyOther"])
def test_no_unforeseen_error_of_a_poll_cancels_a_paid_render_before_its_deadline(error: str) -> None:
    assert _caught("PollVideo", error) == "RenderOutcome"


def test_a_failed_erasure_shows_as_failed() -> None:
    assert ERASURE["States"]["ErasureFailed"]["Type"] == "Fail"


def test_every_failure_ends_in_a_fail_state() -> None:
    assert STATES["RecordFailure"]["Next"] == "DreamFailed"
    assert {catch["Next"] for catch in STATES["RecordFailure"]["Catch"]} == {"DreamFailed"}
    assert STATES["DreamFailed"]["Type"] == "Fail"


def test_every_retried_or_caught_error_exists() -> None:
    known = {
        name
        for module in pkgutil.walk_packages(dreamvision.__path__, "dreamvision.")
        for name in vars(importlib.import_module(module.name))
    }
    for state in TASKS.values():
        for rule in [*state["Retry"], *state.get("Catch", [])]:
            for error in rule["ErrorEquals"]:
                assert error.startswith(("States.", "Lambda.")) or error in DEATHS or error in known, error


def test_every_state_has_a_sample_event() -> None:
    for workflow, machine in (("dream_to_video", MACHINE), ("erasure", ERASURE)):
        samples = {path.stem for path in (REPOSITORY / "events" / "workflows" / workflow).iterdir()}
        assert samples == {"execution-input", *map(_function, _tasks(machine).values())}


# Events in the history of an execution; one more fails it:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_EVENTS = 25_000
# Entered and exited; a task also logs LambdaFunctionScheduled, ...Started and ...Succeeded or ...Failed.
EVENTS = {"Wait": 2, "Choice": 2, "Succeed": 2, "Fail": 1, "Task": 5}
EVENTS_PER_RETRY = 3


def most_events(name: str) -> int:
    """Return the events of one visit of the state, if its task uses up every retry."""
    retries: int = sum(retry["MaxAttempts"] for retry in STATES[name].get("Retry", []))
    return EVENTS[STATES[name]["Type"]] + EVENTS_PER_RETRY * retries


def cycles(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the ways from the last state of ``path`` back to its first, through no state twice."""
    state = STATES[path[-1]]
    followers = {rule["Next"] for rule in [state, *state.get("Catch", []), *state.get("Choices", [])] if "Next" in rule}
    for name in followers | ({state["Default"]} if "Default" in state else set()):
        if name == path[0]:
            yield path
        elif name not in path:
            yield from cycles((*path, name))


def most_events_of_an_execution(interval: int, deadline: int) -> int:
    """Return the events of an execution that is polled until its deadline without a pause beyond the waits.

    Retries with full jitter may follow each other at once, so they cost events and no time.
    """
    ways = {cycle: sum(map(most_events, cycle)) for cycle in cycles(("WaitForRender",))}
    loop = max(events for cycle, events in ways.items() if ONCE not in cycle)
    once = sum(events for cycle, events in ways.items() if ONCE in cycle)
    rounds = -(-deadline // interval) + 1
    # ExecutionStarted and its end; every state outside the loop at most once.
    return rounds * loop + once + sum(map(most_events, STATES)) + 2


# This state leads back to the polls once, as the next test shows.
ONCE = "LinkExpired?"


def test_an_expired_link_leads_back_to_the_polls_once() -> None:
    (rule,) = STATES[ONCE]["Choices"]
    assert (rule["Condition"], rule["Assign"]) == ("{% $link_expired = false %}", {"link_expired": True})
    assert STATES[ONCE]["Default"] == "RecordFailure"
    resetting = {name for name, state in STATES.items() if state.get("Assign", {}).get("link_expired") is False}
    assert resetting == {"GenerateVideo", "ConfirmRender"}
    # Neither is part of a loop.
    assert not any(resetting & set(cycle) for name in STATES for cycle in cycles((name,)))


def test_a_status_check_takes_nine_events_and_three_for_each_retry() -> None:
    ways = {cycle for cycle in cycles(("WaitForRender",)) if "CancelRender" not in cycle}
    assert ways == {
        ("WaitForRender", "PollVideo", "RenderOutcome"),
        ("WaitForRender", "PollVideo", "RenderOutcome", "ArchiveVideo", ONCE),
    }
    assert sum(EVENTS[STATES[name]["Type"]] for name in ("WaitForRender", "PollVideo", "RenderOutcome")) == 9


def test_every_loop_waits() -> None:
    for name in STATES:
        for cycle in cycles((name,)):
            assert "WaitForRender" in cycle, cycle


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("interval", template()["Parameters"]["PollInterval"]["AllowedValues"])
def test_a_stack_on_aws_cannot_poll_beyond_the_history_of_an_execution(stage: str, interval: int) -> None:
    deadline = template()["Parameters"]["PollDeadline"]["MaxValue"]
    given = {"Stage": stage, "PollInterval": str(interval), "PollDeadline": str(deadline)}
    refused = [each for each in Evaluation(template(), given).refusals() if each.startswith("PollInterval")]
    assert refused or most_events_of_an_execution(interval, deadline) <= MAX_EVENTS
    assert bool(refused) == (interval < 5)


def test_the_local_stack_may_poll_every_second() -> None:
    assert Evaluation(template(), {"Stage": "local", "PollInterval": "1"}).refusals() == []
    assert Evaluation(template()).refusals() == []
