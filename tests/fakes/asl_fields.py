"""The fields of a state: JSONata in strings of the form ``{% ... %}``, and variables."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from jsonata import Jsonata

_START_MILLIS = 1_800_000_000_000
# A name after ``$`` that is not called.
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)\b(?!\s*\()")

_STATE = {"Type", "Comment"}
_FIELDS = {
    "Task": {"Resource", "TimeoutSeconds", "Arguments", "Assign", "Output", "Retry", "Catch", "Next"},
    "Choice": {"Choices", "Default"},
    "Pass": {"Assign", "Output", "Next"},
    "Wait": {"Seconds", "Assign", "Output", "Next"},
    "Succeed": set(),
    "Fail": {"Error", "Cause"},
}
_RULE_FIELDS = {
    "Retry": {
        "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy",
    },
    "Catch": {"ErrorEquals", "Assign", "Output", "Next"},
    "Choices": {"Condition", "Assign", "Output", "Next"},
}  # fmt: skip


class QueryEvaluationError(Exception):
    """An expression has no value, or not one of the type that its field needs."""

    NAME: ClassVar = "States.QueryEvaluationError"


class Fields:
    """Evaluates fields. ``clock`` returns the seconds since the start of the execution."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._variables: dict[str, Any] = {}

    def assign(self, rule: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        """Assign the variables of a state or rule. Every expression sees the values from before."""
        self._variables |= {name: self.value(value, context) for name, value in rule.get("Assign", {}).items()}

    def truth(self, condition: str, context: Mapping[str, Any]) -> bool:
        """Return the value of a condition, which must be a Boolean."""
        value = self.value(condition, context)
        if not isinstance(value, bool):
            raise QueryEvaluationError(condition)
        return value

    def value(self, field: Any, context: Mapping[str, Any]) -> Any:
        """Return the value of a field, given ``$states``.

        Raises:
            QueryEvaluationError: an expression has no value.
        """
        match field:
            case dict():
                return {name: self.value(each, context) for name, each in field.items()}
            case list():
                return [self.value(each, context) for each in field]
            case str() if field.startswith("{%") and field.endswith("%}"):
                return self._evaluated(field[2:-2].strip(), context)
        return field

    def _evaluated(self, text: str, context: Mapping[str, Any]) -> Any:
        # JSONata itself takes an unassigned variable for nothing, so that a missing assignment could go unnoticed.
        unassigned = set(_VARIABLE.findall(text)) - {*self._variables, "states"}
        assert not unassigned, f"{unassigned} in {text!r} may be unassigned"
        expression = _compiled(text)
        expression.register_lambda("millis", lambda: _START_MILLIS + round(self._clock() * 1000))
        for name, bound in {**self._variables, "states": context}.items():
            expression.assign(name, bound)
        value = expression.evaluate(None)
        if value is None:
            raise QueryEvaluationError(text)
        return value


def check_fields(definition: dict[str, Any]) -> None:
    """Check that the definition uses only what the interpreter knows."""
    assert set(definition) <= {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "States"}
    assert definition["QueryLanguage"] == "JSONata"
    for name, state in definition["States"].items():
        assert set(state) <= _STATE | _FIELDS[state["Type"]], name
        for kind, fields in _RULE_FIELDS.items():
            for rule in state.get(kind, []):
                assert set(rule) <= fields, (name, kind)
        for rules in (state.get("Retry", []), state.get("Catch", [])):
            for rule in rules:
                # The language wants the wildcard alone, and in the last rule.
                assert "States.ALL" not in rule["ErrorEquals"] or (rule is rules[-1] and len(rule["ErrorEquals"]) == 1)


@cache
def _compiled(text: str) -> Any:
    return Jsonata(text)
