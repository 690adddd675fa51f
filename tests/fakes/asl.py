"""An interpreter of the state machines of ``functions/workflows``: it runs the real definition with the real functions.

It supports the part of the language that the definitions use. Waits take no time, and a ``Retry`` is immediate.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from jsonata import Jsonata

from dreamvision.core.errors import DreamVisionError
from tests.conftest import REPOSITORY

type Task = Callable[[dict[str, Any]], dict[str, Any]]

_MOST_STATES = 1000


DEATHS = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Sandbox.Timedout",
)
"""How Step Functions reports a function that Lambda ended, or whose answer was lost.

Lambda.Unknown stands for timeouts and memory in the documentation ("Handle Lambda service exceptions"); the names
Sandbox.Timedout and Runtime.* are the runtime's own, which are passed on as they are.
"""


class ExecutionFailedError(Exception):
    """The execution failed; the message is the name of the error."""


class FunctionDiedError(Exception):
    """Lambda ended the function: no code of ours ran to its end. The message is the reported name."""


class Machine:
    """One definition. ``tasks`` maps the substitution of each function (``SoftDeleteArn``) to the task."""

    def __init__(self, name: str, tasks: Mapping[str, Task], substitutions: Mapping[str, str]) -> None:
        text = (REPOSITORY / "functions" / "workflows" / name / f"{name}.asl.yaml").read_text()
        for variable, value in substitutions.items():
            text = text.replace(f"${{{variable}}}", value)
        self._definition: dict[str, Any] = yaml.safe_load(text)
        self._tasks = tasks
        self.entered: list[str] = []
        self.waited: list[Any] = []
        self.on_wait: Callable[[], None] = lambda: None

    def run(self, given: dict[str, Any]) -> dict[str, Any]:
        """Run from the input and return the output.

        Raises:
            ExecutionFailedError: the execution failed.
        """
        self.entered, self.waited = [], []
        variables: dict[str, Any] = {}
        name, data = self._definition["StartAt"], given
        while len(self.entered) < _MOST_STATES:
            self.entered.append(name)
            state = self._definition["States"][name]
            match state["Type"]:
                case "Succeed":
                    return data
                case "Fail":
                    raise ExecutionFailedError(_evaluated(state["Error"], variables, {"input": data}))
                case "Choice":
                    chosen = self._choose(state, variables, data)
                    _assign(chosen, variables, {"input": data})
                    name = chosen["Next"] if "Next" in chosen else state["Default"]
                case "Task":
                    name, data = self._perform(state, variables, data)
                case kind:
                    assert kind in ("Pass", "Wait"), kind
                    if kind == "Wait":
                        self.waited.append(_evaluated(state["Seconds"], variables, {"input": data}))
                        self.on_wait()
                    _assign(state, variables, {"input": data})
                    name = state["Next"]
        raise AssertionError("the execution does not end")

    def _choose(self, state: dict[str, Any], variables: dict[str, Any], data: Any) -> dict[str, Any]:
        for choice in state["Choices"]:
            if _evaluated(choice["Condition"], variables, {"input": data}) is True:
                found: dict[str, Any] = choice
                return found
        return {}

    def _perform(self, state: dict[str, Any], variables: dict[str, Any], data: Any) -> tuple[str, Any]:
        arguments = _evaluated(state.get("Arguments", "{% $states.input %}"), variables, {"input": data})
        task = self._tasks[state["Resource"].removeprefix("${").removesuffix("}")]
        try:
            result = _tried(task, arguments, state.get("Retry", []))
        except (DreamVisionError, FunctionDiedError) as error:
            rule = _rule_for(error, state.get("Catch", []))
            if rule is None:
                raise ExecutionFailedError(_name_of(error)) from error
            context = {"input": data, "errorOutput": {"Error": _name_of(error)}}
        else:
            rule, context = state, {"input": data, "result": result}
        output = _evaluated(rule.get("Output", "{% $states.input %}"), variables, context)
        _assign(rule, variables, context)
        return rule["Next"], output


def _tried(task: Task, arguments: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the task. Each rule counts its own retries."""
    retries: Counter[int] = Counter()
    while True:
        try:
            return task(arguments)
        except (DreamVisionError, FunctionDiedError) as error:
            rule = _rule_for(error, rules)
            if rule is None or retries[id(rule)] == rule["MaxAttempts"]:
                raise
            retries[id(rule)] += 1


def _rule_for(error: Exception, rules: list[dict[str, Any]]) -> dict[str, Any] | None:
    names = (_name_of(error), "States.ALL")
    return next((rule for rule in rules if set(names) & set(rule["ErrorEquals"])), None)


def _name_of(error: Exception) -> str:
    return str(error) if isinstance(error, FunctionDiedError) else type(error).__name__


def _assign(rule: dict[str, Any], variables: dict[str, Any], context: dict[str, Any]) -> None:
    variables |= {name: _evaluated(value, variables, context) for name, value in rule.get("Assign", {}).items()}


def _evaluated(value: Any, variables: dict[str, Any], context: dict[str, Any]) -> Any:
    if not (isinstance(value, str) and value.startswith("{%") and value.endswith("%}")):
        return value
    expression = Jsonata(value[2:-2].strip())
    for name, bound in {**variables, "states": context}.items():
        expression.assign(name, bound)
    return expression.evaluate(None)
