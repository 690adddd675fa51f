"""Walks through a state machine: scripted tasks, and what an error does to the way."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tests.fakes.asl import (
    DEATHS,
    SERVICE_ERRORS,
    ExecutionFailedError,
    FunctionHangsError,
    Machine,
    TaskFailedError,
)

HANGS = "the function hangs"
"""Stands for an error: the function never answers."""

ENDED_BY_LAMBDA = (*DEATHS, "States.Timeout", HANGS)
OTHERS = ("AnyOtherError", "States.QueryEvaluationError")
"""Errors that no rule names."""

type Result = Mapping[str, Any]


class Rule(NamedTuple):
    """What a state does about some errors.

    ``delays`` are the longest delays of its retries in seconds, ``after`` the states that follow the last try. An
    execution that ends in a Fail state fails with the caught error, unless ``error`` names another one.
    """

    errors: tuple[str, ...]
    delays: tuple[int, ...]
    after: tuple[str, ...]
    error: str | None = None


class Walk:
    """Executions of one machine whose tasks do as they are told.

    ``script`` maps a state to what its invocations do: return a result, or fail with the error of this name. The last
    one repeats; without a script a task returns ``{}``. ``arguments`` holds the state and arguments of every invocation
    of the last run, in order.
    """

    def __init__(self, name: str, given: Mapping[str, Any], substitutions: Mapping[str, str]) -> None:
        self._given = dict(given)
        self.script: dict[str, list[str | Result]] = {}
        self.arguments: list[tuple[str, dict[str, Any]]] = []
        self.machine = Machine.named(name, _OneTask(self._invoke), substitutions)
        self.output: Any = None
        self.cause = ""

    def fail(self, state: str, *errors: str) -> None:
        """Let the next invocations of a state fail, before what its script says."""
        self.script[state] = [*errors, *self.script.get(state, [{}])]

    def run(self) -> str | None:
        """Run the execution and return the error that it failed with; ``None`` if it succeeded."""
        try:
            self.output = self.machine.run(self._given)
        except ExecutionFailedError as error:
            self.cause = error.cause
            return error.error
        return None

    def _invoke(self, arguments: dict[str, Any]) -> dict[str, Any]:
        state = self.machine.entered[-1]
        self.arguments.append((state, arguments))
        script = self.script.get(state, [{}])
        act = script[min(self.machine.invocations[state], len(script)) - 1]
        if isinstance(act, str):
            raise FunctionHangsError if act == HANGS else TaskFailedError(act)
        return dict(act)

    def arguments_of(self, state: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.arguments if name == state]

    @property
    def tasks(self) -> dict[str, str]:
        """The states that run a function, each with the function's name."""
        states = self.machine.definition["States"]
        return {name: state["Resource"][2:-4] for name, state in states.items() if state["Type"] == "Task"}

    def invocations_of(self, path: Iterable[str]) -> Counter[str]:
        """Return how often each task runs on a path without retries."""
        return Counter(state for state in path if state in self.tasks)


class _OneTask(dict[str, Any]):
    """The same task for every function."""

    def __init__(self, task: Any) -> None:
        super().__init__()
        self._task = task

    def __missing__(self, function: str) -> Any:
        return self._task


def rule_for(rules: Sequence[Rule], error: str) -> Rule:
    """Return the rule that names the error, else the one for all others."""
    return next((rule for rule in rules if error in rule.errors), rules[-1])


def known_errors(rules: Mapping[str, Sequence[Rule]]) -> list[str]:
    """Return every error that some state's rule names, and some that none does."""
    named = {error for each in rules.values() for rule in each for error in rule.errors}
    return sorted({*named, *ENDED_BY_LAMBDA, *SERVICE_ERRORS, *OTHERS})


def name_of(error: str) -> str:
    """Return the name that Step Functions reports."""
    return "States.Timeout" if error == HANGS else error
