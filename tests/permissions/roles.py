"""What the roles of the transformed template allow, and what the state machines' definitions need.

References to resources are written as in ``local/transformed.py``: ``<DreamsTable.Arn>/index/by_category``.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from local.transformed import Evaluation, transformed
from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.permissions.calls import PREFIX, Need

type Needs = Mapping[str, frozenset[Need]]
"""Needs by the logical id of the function or state machine that has them."""

ACCOUNT = "us-east-1:123456789012"
LEADING_KEYS = ("ForAllValues:StringLike", "dynamodb:LeadingKeys")
"""Operator and key of the condition on the partition keys that a call may name."""

ORIGIN_SECRET = "dreamvision/origin"
"""The secret of a distribution of one's own, with which ``resources`` is evaluated. Tests append a suffix."""

VIDEO_KEY_SECRET: str = template()["Parameters"]["VideoKeySecret"]["Default"]


@cache
def resources() -> dict[str, dict[str, Any]]:
    """Return the resources of a stack in production. Shared; do not modify."""
    overrides = {"Stage": "prod", "HostPage": "true", "OriginSecret": ORIGIN_SECRET}
    return Evaluation(transformed(overrides), overrides).resources()


def role_of(name: str) -> dict[str, Any]:
    """Return the properties of the role of a function or state machine."""
    found: dict[str, Any] = resources()[_role_name(name)]["Properties"]
    return found


def _role_name(name: str) -> str:
    properties = resources()[name]["Properties"]
    return str(properties.get("Role", properties.get("RoleArn"))).removeprefix("<").removesuffix(".Arn>")


def policies_of(name: str) -> list[dict[str, Any]]:
    """Return the policies of the role of a function or state machine: inline, and attached by a resource."""
    role = f"<{_role_name(name)}>"
    attached = (each["Properties"] for each in resources().values() if each["Type"] == "AWS::IAM::Policy")
    return [*role_of(name).get("Policies", []), *(each for each in attached if role in each["Roles"])]


@cache
def permissions() -> Needs:
    """Return what each role allows, apart from AWS's managed policies; a resource may contain ``*`` and ``?``."""
    kinds = ("AWS::Lambda::Function", "AWS::StepFunctions::StateMachine")
    return {name: frozenset(_allowed(policies_of(name))) for name, each in resources().items() if each["Type"] in kinds}


def _allowed(policies: list[dict[str, Any]]) -> Iterator[Need]:
    for statement in statements(policies):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                yield from (Need(action, resource + suffix) for suffix in _conditions(statement))


def statements(policies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for policy in policies:
        yield from policy["PolicyDocument"]["Statement"]


def as_list[Value](value: Value | list[Value]) -> list[Value]:
    return value if isinstance(value, list) else [value]


def _conditions(statement: Mapping[str, Any]) -> list[str]:
    """Return a suffix of the resource for each value of the condition that the recorder knows."""
    # Leading keys: tests/permissions/leading_keys.py.
    if "Condition" not in statement or statement["Condition"].keys() == {LEADING_KEYS[0]}:
        return [""]
    assert statement["Condition"].keys() == {"StringLike"}
    assert statement["Condition"]["StringLike"].keys() == {"s3:prefix"}
    return [f"{PREFIX}{prefix}" for prefix in as_list(statement["Condition"]["StringLike"]["s3:prefix"])]


def allows(allowed: Need, needed: Need) -> bool:
    """Return whether a permission covers a need."""
    pattern = re.escape(allowed.resource).replace(r"\*", ".*").replace(r"\?", ".")
    return allowed.action == needed.action and re.fullmatch(pattern, needed.resource) is not None


def forbidden(needs: Needs, allowed: Needs | None = None) -> list[str]:
    """Return the needs that the roles, by default the template's, do not cover, in words."""
    found = permissions() if allowed is None else allowed
    return sorted(
        f"{name} may not {text(need)}"
        for name, all_needs in needs.items()
        for need in all_needs
        if not any(allows(each, need) for each in found[name])
    )


def unused(needs: Needs, allowed: Needs | None = None) -> Needs:
    """Return the permissions that cover none of the needs."""
    found = permissions() if allowed is None else allowed
    return {
        name: frozenset(
            each for each in all_allowed if not any(allows(each, need) for need in needs.get(name, frozenset()))
        )
        for name, all_allowed in found.items()
    }


def text(need: Need) -> str:
    return f"{need.action} on {need.resource}"


def needs_of_definitions() -> Needs:
    """Return what the state machines need: the functions of their tasks."""
    found = {}
    for name, machine in template()["Resources"].items():
        if machine["Type"] == "AWS::Serverless::StateMachine":
            properties = machine["Properties"]
            definition = yaml.safe_load((REPOSITORY / properties["DefinitionUri"]).read_text())
            arns = properties["DefinitionSubstitutions"]
            tasks = (state["Resource"] for state in definition["States"].values() if state["Type"] == "Task")
            aliases = (arns[task.removeprefix("${").removesuffix("}")]["Ref"] for task in tasks)
            functions = (alias.removesuffix(".Alias") for alias in aliases)
            found[name] = frozenset(Need("lambda:InvokeFunction", f"<{each}Aliaslive>") for each in functions)
    return found


def symbolic(need: Need, names: Mapping[str, str]) -> Need:
    """Return a need with references to the template's resources. ``names`` maps their names and ids to logical ids.

    Raises:
        KeyError: the resource is not one of ``names``.
    """
    service, _, _ = need.action.partition(":")
    match service:
        case "dynamodb":
            _, table, *index = need.resource.split("/", 2)
            resource = "/".join([f"<{names[table]}.Arn>", *index])
        case "s3":
            bucket = re.split("[/ ]", need.resource)[0]
            resource = need.resource.replace(bucket, f"<{names[bucket]}.Arn>", 1)
        case "states" if ":execution:" in need.resource:
            machine = names[need.resource.rpartition(":")[0].replace(":execution:", ":stateMachine:")]
            resource = f"arn:aws:states:{ACCOUNT}:execution:<{machine}.Name>:*"
        case "states":
            resource = f"<{names[need.resource]}>"
        case "secretsmanager" if need.resource.startswith((ORIGIN_SECRET, VIDEO_KEY_SECRET)):
            name = ORIGIN_SECRET if need.resource.startswith(ORIGIN_SECRET) else VIDEO_KEY_SECRET
            # Secrets Manager appends a hyphen and six characters to a name.
            resource = f"arn:aws:secretsmanager:{ACCOUNT}:secret:{name}-??????"
        case "secretsmanager":
            resource = f"<{names[need.resource]}.Id>"
        case "execute-api":
            api, _, rest = need.resource.partition("/")
            resource = f"arn:aws:execute-api:{ACCOUNT}:<{names[api]}>/{rest}"
        case _:
            resource = f"<{names[need.resource]}.Arn>"
    return Need(need.action, resource)
