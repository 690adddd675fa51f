"""Checks commands of the AWS CLI against the models of botocore, from which the CLI is generated.

It knows services, operations, options, required options, enumerations, waiters, JMESPath queries and the shapes of JSON
and shorthand values. What the CLI adds by hand is listed here.
"""

import json
import re
from functools import cache
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

from tests.invariants.shell_commands import PLACEHOLDER

_GLOBAL = {"query", "output", "region", "profile", "no-cli-pager", "cli-binary-format", "endpoint-url"}
_PAGES = {"max-items", "page-size", "starting-token", "no-paginate"}
# Commands of the CLI itself: their options, and the number of their arguments.
_OWN: dict[tuple[str, str], tuple[set[str], int]] = {
    ("s3", "sync"): ({"delete", "exclude", "include", "cache-control", "dryrun"}, 2),
    ("s3", "cp"): ({"recursive", "content-type", "cache-control"}, 2),
    ("s3", "ls"): ({"recursive", "summarize", "human-readable"}, 1),
    ("logs", "tail"): ({"since", "follow", "format", "filter-pattern", "log-stream-names"}, 1),
    ("cloudformation", "deploy"): ({"template-file", "stack-name", "capabilities", "parameter-overrides"}, 0),
    ("configure", "sso"): (set(), 0),
    ("configure", "get"): (set(), 1),
    ("configure", "list"): (set(), 0),
}
_ARGUMENTS = {("lambda", "invoke"): 1}
_SECONDS_OR_SPAN = re.compile(r"\d+[smhdw]")


@cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


def problems(words: list[str]) -> list[str]:
    """Return what is wrong with ``aws <service> <operation> ...``: nothing for a valid command."""
    if len(words) < 3:
        return [f"incomplete: {' '.join(words)}"]
    _, service, name, *rest = words
    try:
        if (service, name) in _OWN:
            return _problems_of_own(service, name, rest)
        operation, rest = _operation(service, name, rest)
    except LookupError as error:
        return [str(error.args[0])]
    options, arguments = _options(rest, operation)
    found = [f"{len(arguments)} arguments" for _ in [0] if len(arguments) != _ARGUMENTS.get((service, name), 0)]
    members = {xform_name(member, "-"): member for member in _members(operation)}
    for option, values in options.items():
        found += _problems_of_option(service, operation, members, option, values)
    required = operation.input_shape.required_members if operation.input_shape else []
    given = {members.get(option) for option in options}
    found += [f"--{xform_name(each, '-')} is missing" for each in required if each not in given]
    return found


def _operation(service: str, name: str, rest: list[str]) -> tuple[OperationModel, list[str]]:
    """Return the operation of a command, also that which a waiter polls.

    Raises:
        LookupError: there is no such service, operation or waiter.
    """
    if service not in _session().get_available_services():
        raise LookupError(f"no service {service}")
    model = _session().get_service_model(service)
    by_name = {xform_name(each, "-"): each for each in model.operation_names}
    if name == "wait":
        waiters = _session().get_waiter_model(service)
        by_waiter = {xform_name(each, "-"): each for each in waiters.waiter_names}
        if not rest or rest[0] not in by_waiter:
            raise LookupError(f"no waiter {service} {rest[:1]}")
        return model.operation_model(waiters.get_waiter(by_waiter[rest[0]]).operation), rest[1:]
    if name not in by_name:
        raise LookupError(f"no operation {service} {name}")
    return model.operation_model(by_name[name]), rest


def _members(operation: OperationModel) -> dict[str, Shape]:
    return dict(operation.input_shape.members) if operation.input_shape else {}


def _options(rest: list[str], operation: OperationModel) -> tuple[dict[str, list[str]], list[str]]:
    """Return the options with their values, and the arguments. A list takes several values, a flag none."""
    options: dict[str, list[str]] = {}
    arguments: list[str] = []
    current = ""
    shapes = {xform_name(name, "-"): shape.type_name for name, shape in _members(operation).items()}
    for word in rest:
        if word.startswith("--"):
            current = word.removeprefix("--")
            options[current] = []
        elif current and (not options[current] or shapes.get(current) == "list") and not _is_flag(current, shapes):
            options[current].append(word)
        else:
            arguments.append(word)
    return options, arguments


def _is_flag(option: str, shapes: dict[str, str]) -> bool:
    return shapes.get(option.removeprefix("no-")) == "boolean" or option.startswith("no-")


def _problems_of_option(
    service: str, operation: OperationModel, members: dict[str, str], option: str, values: list[str]
) -> list[str]:
    if option == "query":
        return _problems_of_query(values[0])
    if option in _GLOBAL:
        return []
    if option in _PAGES and _has_pages(service, operation):
        return []
    name = members.get(option) or members.get(option.removeprefix("no-"))
    if name is None:
        return [f"no option --{option} of {service} {operation.name}"]
    shape = _members(operation)[name]
    if shape.type_name == "boolean":
        return []
    if not values:
        return [f"--{option} has no value"]
    return [f"--{option}: {problem}" for value in values for problem in _problems_of_value(value, shape)]


def _has_pages(service: str, operation: OperationModel) -> bool:
    try:
        _session().get_paginator_model(service).get_paginator(operation.name)
    except ValueError:
        return False
    return True


def _problems_of_query(query: str) -> list[str]:
    try:
        jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        return [f"--query: {error}"]
    return []


def _problems_of_value(value: str, shape: Shape) -> list[str]:
    if "$" in value or PLACEHOLDER in value or value.startswith(("file://", "fileb://")):
        return []
    kind: Any = shape
    if value.startswith(("{", "[")) and shape.type_name in ("structure", "list", "map"):
        try:
            report = ParamValidator().validate(json.loads(value), kind)
        except ValueError as error:
            return [f"no JSON: {error}"]
        return [report.generate_report()] if report.has_errors() else []
    if shape.type_name == "list":
        kind = kind.member
    if kind.type_name == "structure":
        keys = re.findall(r"(?:^|,)(\w+)=", value)
        return [f"no member {key}" for key in keys if key not in kind.members] or ([] if keys else [f"{value}?"])
    if kind.type_name in ("integer", "long") and not value.isdigit():
        return [f"{value} is no number"]
    if getattr(kind, "enum", None) and value not in kind.enum:
        return [f"{value} is none of {', '.join(kind.enum)}"]
    return []


def _problems_of_own(service: str, name: str, rest: list[str]) -> list[str]:
    known, count = _OWN[service, name]
    lists = {"parameter-overrides"}
    flags = {"delete", "recursive", "follow", "dryrun", "summarize", "human-readable"}
    arguments, option = [], ""
    found = []
    for word in rest:
        if word.startswith("--"):
            option = word.removeprefix("--")
            found += [] if option in known | _GLOBAL else [f"no option --{option} of {service} {name}"]
            option = "" if option in flags else option
        elif option:
            if option == "since" and not _SECONDS_OR_SPAN.fullmatch(word):
                found.append(f"--since {word}")
            option = option if option in lists else ""
        else:
            arguments.append(word)
    return found if len(arguments) == count else [*found, f"{len(arguments)} arguments of {service} {name}"]
