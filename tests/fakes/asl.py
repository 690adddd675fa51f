"""An interpreter of the state machines of ``functions/workflows``: it runs the real definition with the real functions.

It follows the Amazon States Language (https://states-language.net/spec.html) and "Handling errors in Step Functions
workflows" of AWS's developer guide, for the fields that the definitions use; it refuses any other field. Time is the
interpreter's own: waits, delays of retries and tasks that hang advance it, and ``$millis`` returns it.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NoReturn

import yaml

from dreamvision.core.errors import DreamVisionError
from tests.conftest import REPOSITORY
from tests.fakes.asl_fields import Fields, QueryEvaluationError, check_fields

type Task = Callable[[dict[str, Any]], dict[str, Any]]
type State = dict[str, Any]
type Rule = dict[str, Any]

_MOST_STATES = 1000
# AWS's defaults where a definition sets none: a task's timeout, and the longest time of an execution (a year).
_TASK_SECONDS = 99_999_999
_EXECUTION_SECONDS = 31_536_000
# Neither States.ALL nor States.TaskFailed stands for these.
_TERMINAL = {"States.DataLimitExceeded", "States.Runtime"}

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

SERVICE_ERRORS = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
"""How Step Functions reports that Lambda did not run a function (same page)."""


class ExecutionFailedError(Exception):
    """The execution failed; the message is the name of the error."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


class ExecutionTimedOutError(Exception):
    """The execution took longer than the machine's ``TimeoutSeconds``. No state runs any more."""


class TaskFailedError(Exception):
    """A task failed. The message is the error's name, as Step Functions reports it."""


class FunctionDiedError(TaskFailedError):
    """Lambda ended the function: no code of ours ran to its end."""


class FunctionHangsError(TaskFailedError):
    """The function does not answer: Step Functions gives up after the state's ``TimeoutSeconds``."""

    def __init__(self) -> None:
        super().__init__("States.Timeout")


class Machine:
    """One definition. ``tasks`` maps the substitution of each function (``SoftDeleteArn``) to the task.

    After a run: ``entered`` and ``inputs`` hold the states in order and their inputs; ``waited`` the seconds of each
    wait; ``retried`` each retry's state and longest delay; ``hung`` each hanging task's state and timeout in seconds;
    ``invocations`` the number of invocations by state; ``seconds`` the time since the start.
    """

    def __init__(self, definition: dict[str, Any], tasks: Mapping[str, Task]) -> None:
        check_fields(definition)
        self.definition = definition
        self._tasks = tasks
        self.on_wait: Callable[[], None] = lambda: None
        self._begin()

    @classmethod
    def named(cls, name: str, tasks: Mapping[str, Task], substitutions: Mapping[str, str]) -> "Machine":
        """Return a machine of the repository."""
        return cls(_definition(name, tuple(substitutions.items())), tasks)

    def _begin(self) -> None:
        self.entered: list[str] = []
        self.inputs: list[Any] = []
        self.waited: list[Any] = []
        self.retried: list[tuple[str, float]] = []
        self.hung: list[tuple[str, float]] = []
        self.invocations: Counter[str] = Counter()
        self.seconds = 0.0
        self._fields = Fields(lambda: self.seconds)

    def run(self, given: dict[str, Any]) -> Any:
        """Run from the input and return the output.

        Raises:
            ExecutionFailedError: the execution failed.
            ExecutionTimedOutError: the execution took too long.
        """
        self._begin()
        name, data = self.definition["StartAt"], given
        while len(self.entered) < _MOST_STATES:
            self.entered.append(name)
            self.inputs.append(data)
            state = self.definition["States"][name]
            if state["Type"] == "Succeed":
                return data
            try:
                name, data = self._perform(state, data) if state["Type"] == "Task" else self._pass(state, data)
            except QueryEvaluationError as error:
                raise ExecutionFailedError(error.NAME, str(error)) from error
        raise AssertionError("the execution does not end")

    def _pass(self, state: State, data: Any) -> tuple[str, Any]:
        context = {"input": data}
        rule = state
        match state["Type"]:
            case "Fail":
                self._fail(state, context)
            case "Choice":
                rule = self._choose(state, context)
            case "Wait":
                self.waited.append(self._fields.value(state["Seconds"], context))
                self._spend(self.waited[-1])
                self.on_wait()
        output = self._fields.value(rule.get("Output", data), context)
        self._fields.assign(rule, context)
        return rule["Next"], output

    def _fail(self, state: State, context: Mapping[str, Any]) -> NoReturn:
        error, cause = (self._fields.value(state.get(name, ""), context) for name in ("Error", "Cause"))
        raise ExecutionFailedError(error, cause)

    def _choose(self, state: State, context: Mapping[str, Any]) -> Rule:
        for rule in state["Choices"]:
            chosen: Rule = rule
            if self._fields.truth(chosen["Condition"], context):
                return chosen
        if "Default" not in state:
            raise ExecutionFailedError("States.NoChoiceMatched")
        return {"Next": state["Default"]}

    # ------------------------------------------------------------ tasks

    def _perform(self, state: State, data: Any) -> tuple[str, Any]:
        retries: Counter[int] = Counter()
        while True:
            try:
                return self._try(state, data)
            except (DreamVisionError, TaskFailedError, QueryEvaluationError) as error:
                name = _name_of(error)
                if self._retry(state, name, retries):
                    continue
                rule = _rule_for(name, state.get("Catch", []))
                if rule is None:
                    raise ExecutionFailedError(name) from error
                caught = {"Error": name, "Cause": "the error's message and stack trace"}
                context = {"input": data, "errorOutput": caught}
                output = self._fields.value(rule.get("Output", caught), context)
                self._fields.assign(rule, context)
                return rule["Next"], output

    def _try(self, state: State, data: Any) -> tuple[str, Any]:
        name = self.entered[-1]
        arguments = self._fields.value(state.get("Arguments", data), {"input": data})
        self.invocations[name] += 1
        try:
            # Lambda passes and returns JSON.
            result = json.loads(json.dumps(self._tasks[state["Resource"][2:-1]](json.loads(json.dumps(arguments)))))
        except FunctionHangsError:
            self.hung.append((name, state.get("TimeoutSeconds", _TASK_SECONDS)))
            self._spend(self.hung[-1][1])
            raise
        context = {"input": data, "result": result}
        output = self._fields.value(state.get("Output", result), context)
        self._fields.assign(state, context)
        return state["Next"], output

    def _retry(self, state: State, error: str, retries: Counter[int]) -> bool:
        """Wait for the next try, if there is one. Each rule counts its own retries."""
        rule = _rule_for(error, state.get("Retry", []))
        if rule is None or retries[id(rule)] == rule.get("MaxAttempts", 3):
            return False
        delay = rule.get("IntervalSeconds", 1) * rule.get("BackoffRate", 2.0) ** retries[id(rule)]
        # With full jitter the delay is a random part of this one. The longest is the worst case for every timeout.
        delay = min(delay, rule.get("MaxDelaySeconds", delay))
        retries[id(rule)] += 1
        self.retried.append((self.entered[-1], delay))
        self._spend(delay)
        return True

    def _spend(self, seconds: float) -> None:
        self.seconds += seconds
        if self.seconds > self.definition.get("TimeoutSeconds", _EXECUTION_SECONDS):
            raise ExecutionTimedOutError


@cache
def _definition(name: str, substitutions: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    text = (REPOSITORY / "functions" / "workflows" / name / f"{name}.asl.yaml").read_text()
    for variable, value in substitutions:
        text = text.replace(f"${{{variable}}}", value)
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition


def _rule_for(error: str, rules: list[Rule]) -> Rule | None:
    return next((rule for rule in rules if _matches(error, rule["ErrorEquals"])), None)


def _matches(error: str, names: list[str]) -> bool:
    if error in names:
        return error != "States.Runtime"  # fails the execution whatever a rule says
    if error in _TERMINAL:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout")


def _name_of(error: Exception) -> str:
    match error:
        case QueryEvaluationError():
            return error.NAME
        case TaskFailedError():
            return str(error)
    return type(error).__name__
