"""The interpreter of state machines: the language's rules for errors, retries, variables and time.

https://states-language.net/spec.html and "Handling errors in Step Functions workflows" of AWS's developer guide.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.asl import (
    ExecutionFailedError,
    ExecutionTimedOutError,
    FunctionHangsError,
    Machine,
    TaskFailedError,
)

type Fields = dict[str, Any]

CAUGHT: Fields = {"Type": "Succeed"}


def _machine(errors: Sequence[str | Fields], states: dict[str, Fields] | None = None, **task: Any) -> Machine:
    """Return a machine whose task fails with these errors or returns these results, in order; the last repeats."""

    def run(_: Fields) -> Fields:
        act = errors[min(machine.invocations["Work"], len(errors)) - 1]
        if isinstance(act, str):
            raise FunctionHangsError if act == "hangs" else TaskFailedError(act)
        return act

    work = {"Type": "Task", "Resource": "${WorkArn}", "Next": "Done", **task}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Work",
        "States": {"Work": work, "Done": {"Type": "Succeed"}, "Caught": CAUGHT, **(states or {})},
    }
    machine = Machine(definition, {"WorkArn": run})
    return machine


def _catch(*names: str, **fields: Any) -> Fields:
    return {"ErrorEquals": list(names), "Next": "Caught", **fields}


@pytest.mark.parametrize(
    ("names", "error", "caught"),
    [
        (["States.ALL"], "OwnError", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "Lambda.Unknown", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.DataLimitExceeded"], "States.DataLimitExceeded", True),
        (["States.TaskFailed"], "OwnError", True),
        (["States.TaskFailed"], "Lambda.Unknown", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.TaskFailed"], "States.DataLimitExceeded", False),
        (["OwnError"], "OwnError", True),
        (["OwnError"], "ownerror", False),
        (["Own"], "OwnError", False),
    ],
)
def test_names_match_as_the_language_says(names: list[str], error: str, caught: bool) -> None:
    machine = _machine([error], Catch=[_catch(*names)])
    if caught:
        assert machine.run({}) == {"Error": error, "Cause": "the error's message and stack trace"}
    else:
        with pytest.raises(ExecutionFailedError, match=f"^{error}$"):
            machine.run({})


def test_the_first_catch_that_matches_wins() -> None:
    machine = _machine(
        ["OwnError"],
        {"Second": {"Type": "Succeed"}},
        Catch=[_catch("AnotherError", Next="Second"), _catch("OwnError"), _catch("States.ALL", Next="Second")],
    )
    machine.run({})
    assert machine.entered == ["Work", "Caught"]


def test_the_first_retry_that_matches_counts() -> None:
    first = {"ErrorEquals": ["OwnError"], "MaxAttempts": 0}
    machine = _machine(["OwnError"], Retry=[first, {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 3}])
    with pytest.raises(ExecutionFailedError, match="OwnError"):
        machine.run({})
    assert machine.invocations == {"Work": 1}


def test_every_retry_has_attempts_of_its_own_and_a_growing_delay() -> None:
    retries = [
        {"ErrorEquals": ["A"], "IntervalSeconds": 3, "BackoffRate": 1.5, "MaxAttempts": 2},
        {"ErrorEquals": ["B"], "IntervalSeconds": 2, "MaxAttempts": 4, "MaxDelaySeconds": 5},
        {"ErrorEquals": ["C"]},
    ]
    machine = _machine([*"ABBABBCCC", {}], Retry=retries)
    assert machine.run({}) == {}
    assert [delay for _, delay in machine.retried] == [3, 2, 4, 4.5, 5, 5, 1, 2, 4]
    assert machine.seconds == sum(delay for _, delay in machine.retried)


def test_attempts_begin_again_with_every_visit() -> None:
    again = {"Type": "Choice", "Choices": [{"Condition": "{% $again %}", "Next": "Work"}], "Default": "Done"}
    machine = _machine(
        ["A", {"again": True}, "A", {"again": False}],
        {"Again?": again},
        Next="Again?",
        Assign={"again": "{% $states.result.again %}"},
        Retry=[{"ErrorEquals": ["A"], "MaxAttempts": 1}],
    )
    machine.run({})
    assert machine.invocations == {"Work": 4}


def test_a_hanging_function_fails_at_the_states_timeout() -> None:
    machine = _machine(["hangs", {}], TimeoutSeconds=40, Retry=[{"ErrorEquals": ["States.Timeout"]}])
    machine.run({})
    assert (machine.hung, machine.seconds) == ([("Work", 40)], 41)


def test_an_execution_beyond_its_timeout_ends_without_a_catch() -> None:
    machine = _machine(["hangs"], TimeoutSeconds=40, Catch=[_catch("States.ALL")])
    machine.definition["TimeoutSeconds"] = 39
    with pytest.raises(ExecutionTimedOutError):
        machine.run({})


def test_a_hanging_function_without_a_timeout_uses_up_the_execution() -> None:
    with pytest.raises(ExecutionTimedOutError):
        _machine(["hangs"], Catch=[_catch("States.ALL")]).run({})


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"made": 1}),
        ({"Output": "{% $states.input %}"}, {"given": 2}),
        ({"Output": {"a": ["{% 1 + 1 %}"]}}, {"a": [2]}),
    ],
)
def test_a_tasks_output_is_its_result_by_default(fields: Fields, output: Fields) -> None:
    assert _machine([{"made": 1}], **fields).run({"given": 2}) == output


def test_a_caught_error_can_be_assigned() -> None:
    machine = _machine(
        ["OwnError"],
        {"Failed": {"Type": "Fail", "Error": "{% $name %}", "Cause": "because"}},
        Catch=[_catch("States.ALL", Assign={"name": "{% $states.errorOutput.Error %}"}, Next="Failed")],
    )
    with pytest.raises(ExecutionFailedError) as caught:
        machine.run({})
    assert (caught.value.error, caught.value.cause) == ("OwnError", "because")


def test_assignments_see_the_values_from_before() -> None:
    swap: Fields = {"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Next": "Show"}
    show: Fields = {"Type": "Pass", "Output": "{% [$a, $b] %}", "Next": "Done"}
    machine = _machine([{}], {"Swap": swap, "Show": show}, Next="Swap", Assign={"a": 1, "b": 2})
    assert machine.run({}) == [2, 1]


def test_an_expression_without_a_value_is_an_error_that_a_task_can_catch() -> None:
    machine = _machine([{}], Output="{% $states.result.none %}", Catch=[_catch("States.ALL", Output="caught")])
    assert machine.run({}) == "caught"
    nothing: Fields = {"Type": "Pass", "Output": "{% $states.input.none %}", "Next": "Done"}
    with pytest.raises(ExecutionFailedError, match="QueryEvaluationError"):
        _machine([{}], {"Nothing": nothing}, Next="Nothing").run({})


def test_a_condition_is_a_boolean() -> None:
    choice: Fields = {"Type": "Choice", "Choices": [{"Condition": "{% 'yes' %}", "Next": "Done"}], "Default": "Done"}
    with pytest.raises(ExecutionFailedError, match="QueryEvaluationError"):
        _machine([{}], {"Choice": choice}, Next="Choice").run({})


def test_a_choice_without_a_match_fails() -> None:
    choice: Fields = {"Type": "Choice", "Choices": [{"Condition": "{% false %}", "Next": "Done"}]}
    with pytest.raises(ExecutionFailedError, match=r"States\.NoChoiceMatched"):
        _machine([{}], {"Choice": choice}, Next="Choice").run({})


def test_the_clock_is_the_executions() -> None:
    pause: Fields = {"Type": "Wait", "Seconds": "{% 7 %}", "Next": "Show"}
    show: Fields = {"Type": "Pass", "Output": "{% $millis() - $began %}", "Next": "Done"}
    machine = _machine([{}], {"Pause": pause, "Show": show}, Next="Pause", Assign={"began": "{% $millis() %}"})
    assert machine.run({}) == 7000


@pytest.mark.parametrize(
    "task",
    [
        {"ResultPath": "$.x"},
        {"HeartbeatSeconds": 5},
        {"Catch": [_catch("States.ALL", "OwnError")]},
        {"Catch": [_catch("States.ALL"), _catch("OwnError")]},
        {"Retry": [{"ErrorEquals": ["A"], "Next": "Done"}]},
    ],
)
def test_what_the_interpreter_does_not_know_or_the_language_forbids_is_refused(task: Fields) -> None:
    with pytest.raises(AssertionError):
        _machine([{}], **task)


def test_an_unassigned_variable_is_refused() -> None:
    with pytest.raises(AssertionError, match="missing"):
        _machine([{}], Output="{% $missing or true %}").run({})
