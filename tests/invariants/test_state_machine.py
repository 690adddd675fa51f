"""The state machine as data: timeouts everywhere, no blind retries, red when it fails."""

from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

MACHINE: dict[str, Any] = yaml.safe_load(
    (REPOSITORY / "functions" / "workflow" / "dream_to_video.asl.yaml").read_text()
)
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}


def test_the_machine_has_a_timeout_beyond_the_longest_deadline() -> None:
    longest = template()["Parameters"]["PollDeadline"]["MaxValue"]
    assert MACHINE["TimeoutSeconds"] > longest + 600
    assert MACHINE["QueryLanguage"] == "JSONata"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_timeout_longer_than_its_function(name: str) -> None:
    resources = template()["Resources"]
    function = resources[f"{name}Function"]["Properties"]
    assert TASKS[name]["TimeoutSeconds"] > function["Timeout"]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_never_retries_everything(name: str) -> None:
    for retry in TASKS[name]["Retry"]:
        assert "States.ALL" not in retry["ErrorEquals"]
        assert "States.TaskFailed" not in retry["ErrorEquals"]
        if retry["MaxAttempts"]:
            assert retry["JitterStrategy"] == "FULL"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_catches_everything(name: str) -> None:
    assert TASKS[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_an_ambiguous_start_and_a_refusal_are_never_retried() -> None:
    retried = {
        error for retry in STATES["GenerateVideo"]["Retry"] if retry["MaxAttempts"] for error in retry["ErrorEquals"]
    }
    assert retried.isdisjoint(
        {"RenderOutcomeUnknownError", "RenderModerationError", "States.Timeout", "UnforeseenError"}
    )


def test_every_failure_ends_red() -> None:
    assert STATES["RecordFailure"]["Next"] == "DreamFailed"
    assert {catch["Next"] for catch in STATES["RecordFailure"]["Catch"]} == {"DreamFailed"}
    assert STATES["DreamFailed"]["Type"] == "Fail"


def test_every_retried_or_caught_error_exists() -> None:
    from dreamvision import analysis, download, rendering, storage, workflow
    from dreamvision.tables import database, dreams, videos

    known = {
        name
        for module in (analysis, download, rendering, storage, workflow, database, dreams, videos)
        for name in vars(module)
    }
    for state in TASKS.values():
        for rule in [*state["Retry"], *state["Catch"]]:
            for error in rule["ErrorEquals"]:
                assert error.startswith(("States.", "Lambda.")) or error in known, error


def test_every_state_has_a_sample_event() -> None:
    for name in TASKS:
        assert (REPOSITORY / "events" / "workflow" / f"{name}.json").is_file(), name
