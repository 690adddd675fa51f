"""What CloudFormation receives: ``template.yaml`` after the SAM transform, with parameters resolved on request.

AWS runs the same open-source transform (``samtranslator``) on every deploy. Its output shows what the short forms of
the template become, and is held against AWS's documentation by the tests.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any
from uuid import UUID

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from local.cloudformation_yaml import load_template
from local.settings import REGION, REPOSITORY

_CODE = ("CodeUri", "ContentUri", "DefinitionUri")
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:123456789012:stack/dreamvision/{UUID(int=1)}",
    "AWS::StackName": "dreamvision",
    "AWS::URLSuffix": "amazonaws.com",
}


def parameters_of(template: Mapping[str, Any], overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return every parameter's value: that of ``overrides``, or its default.

    Raises:
        ValueError: an override is not an allowed value.
    """
    for name, value in (overrides or {}).items():
        declared = template["Parameters"][name]
        allowed = str(value) in map(str, declared.get("AllowedValues", [value]))
        if not allowed or not re.fullmatch(declared.get("AllowedPattern", ".*"), str(value)):
            raise ValueError(f"{name}={value}")
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items() if "Default" in each}
    return {**defaults, **(overrides or {})}


def transformed(overrides: Mapping[str, str] | None = None, code: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return ``template.yaml`` after the SAM transform, as CloudFormation receives it.

    Local code is replaced by an address in S3, as ``sam deploy`` does; ``code`` has the addresses of some resources.
    Conditions and references stay as they are.
    """
    return deepcopy(_transformed(tuple((overrides or {}).items()), tuple((code or {}).items())))


@cache
def _transformed(overrides: tuple[tuple[str, str], ...], code: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    template = load_template((REPOSITORY / "template.yaml").read_text())
    for logical_id, resource in template["Resources"].items():
        for name in _CODE:
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = dict(code).get(logical_id, "s3://packages/code")
    # The transform needs a region, and no credentials: it calls AWS only for managed policies it does not know.
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=REGION))
    result: dict[str, Any] = translator.translate(template, parameters_of(template, dict(overrides)))
    return result


class Evaluation:
    """Evaluates a transformed template's intrinsic functions for one set of parameters.

    A reference to a resource becomes ``<LogicalId>``, an attribute ``<LogicalId.Attribute>``: only CloudFormation knows
    their values.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        overrides: Mapping[str, str] | None = None,
        pseudo_parameters: Mapping[str, str] | None = None,
    ) -> None:
        self._template = template
        self._parameters: dict[str, Any] = {
            **_PSEUDO_PARAMETERS,
            **(pseudo_parameters or {}),
            **parameters_of(template, overrides),
        }
        for name, declared in template["Parameters"].items():
            if declared["Type"] in ("CommaDelimitedList", "List<String>"):
                self._parameters[name] = self._parameters[name].split(",")

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources that exist with these parameters, evaluated."""
        return {
            name: {key: self.value(each) for key, each in resource.items() if key != "Condition"}
            for name, resource in self._template["Resources"].items()
            if self.holds(resource.get("Condition"))
        }

    def holds(self, condition: str | None) -> bool:
        """Return whether a named condition is true. No condition is true."""
        return condition is None or bool(self.value(self._template["Conditions"][condition]))

    def refusals(self) -> list[str]:
        """Return what the template's rules say against these parameters: the descriptions of failed assertions."""
        return [
            assertion["AssertDescription"]
            for rule in self._template.get("Rules", {}).values()
            if self.value(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self.value(assertion["Assert"])
        ]

    def value(self, node: Any) -> Any:  # noqa: ANN401 - a template's value has any shape
        """Return ``node`` with its intrinsic functions evaluated.

        Raises:
            ValueError: the function is unknown.
        """
        if isinstance(node, list):
            values = [self.value(each) for each in node]
            return [each for each in values if each is not _NO_VALUE]
        if not isinstance(node, dict):
            return deepcopy(node)
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._call(name, argument)
        values_by_key = {key: self.value(each) for key, each in node.items()}
        return {key: each for key, each in values_by_key.items() if each is not _NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:  # noqa: ANN401
        if name == "Ref":
            return _NO_VALUE if argument == "AWS::NoValue" else self._parameters.get(argument, f"<{argument}>")
        if name == "Condition":
            # Both a reference to a condition and the key of a statement of a policy.
            return self.holds(argument) if isinstance(argument, str) else {"Condition": self.value(argument)}
        if name == "Fn::GetAtt":
            return f"<{'.'.join(argument)}>"
        if name == "Fn::If":
            return self.value(argument[1] if self.holds(argument[0]) else argument[2])
        if name == "Fn::Sub":
            return self._substituted(argument)
        values = self.value(argument)
        match name:
            case "Fn::Split":
                return values[1].split(values[0])
            case "Fn::Select":
                return values[1][int(values[0])]
            case "Fn::Join":
                return values[0].join(values[1])
            case "Fn::Equals":
                return str(values[0]) == str(values[1])
            case "Fn::Not":
                return not values[0]
            case "Fn::And":
                return all(values)
            case "Fn::Or":
                return any(values)
            case "Fn::Contains":
                return values[1] in values[0]
        raise ValueError(name)

    def _substituted(self, argument: Any) -> str:  # noqa: ANN401
        text, names = argument if isinstance(argument, list) else (argument, {})
        values = {**self._parameters, **{name: self.value(each) for name, each in names.items()}}
        return re.sub(r"\$\{([\w:.]+)\}", lambda found: str(values.get(found[1], f"<{found[1]}>")), text)


_NO_VALUE = object()
