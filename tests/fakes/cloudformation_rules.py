"""CloudFormation's evaluation of a template's ``Conditions`` and ``Rules`` for given parameters."""

from typing import Any


def parameter_values(template: dict[str, Any], **overrides: str) -> dict[str, str]:
    """Return the value of every parameter that has a default or an override.

    Raises:
        AssertionError: an override is not an allowed value.
    """
    parameters = template["Parameters"]
    for name, value in overrides.items():
        assert value in map(str, parameters[name].get("AllowedValues", [value])), f"{name}={value}"
    defaults = {name: str(each["Default"]) for name, each in parameters.items() if "Default" in each}
    return defaults | overrides


def holds(condition: Any, values: dict[str, str], conditions: dict[str, Any] | None = None) -> bool:
    """Return whether a condition holds. ``conditions`` are those that it may name."""
    ((function, arguments),) = condition.items()
    if function == "Condition":
        return holds((conditions or {})[arguments], values, conditions)
    if function == "Fn::Equals":
        left, right = (values[each["Ref"]] if isinstance(each, dict) else str(each) for each in arguments)
        return left == right
    if function == "Fn::Contains":
        choices, reference = arguments
        return values[reference["Ref"]] in choices
    results = [holds(each, values, conditions) for each in arguments]
    if function == "Fn::Not":
        return not results[0]
    return {"Fn::And": all, "Fn::Or": any}[function](results)


def refusals(template: dict[str, Any], **overrides: str) -> list[str]:
    """Return the descriptions of the assertions that refuse these parameters."""
    values = parameter_values(template, **overrides)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if "RuleCondition" not in rule or holds(rule["RuleCondition"], values)
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"], values)
    ]


def resolved(node: Any, template: dict[str, Any], values: dict[str, str]) -> Any:
    """Return a part of the template with every ``Fn::If`` and every ``Ref`` of a parameter replaced."""
    if isinstance(node, list):
        return [resolved(each, template, values) for each in node]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node:
        name, if_true, if_false = node["Fn::If"]
        chosen = if_true if holds({"Condition": name}, values, template["Conditions"]) else if_false
        return resolved(chosen, template, values)
    if node.get("Ref") in values:
        return values[node["Ref"]]
    return {key: resolved(value, template, values) for key, value in node.items()}
