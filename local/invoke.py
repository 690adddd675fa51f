"""Invoke a function of the running local stack with an event (docs/INVOKING.md)."""

import copy
import difflib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator.deploy import client
from local.progress import console
from local.sample_functions import EVENTS, functions, samples, samples_of
from local.settings import REPOSITORY, STACK_NAME, Settings
from local.stack.commands import StackError, outputs

_SUFFIX = "Function"


class InvokeError(Exception):
    """The function was not invoked. The message is shown to the user."""


@dataclass(frozen=True)
class Invocation:
    """A function by its logical id, and the event for it."""

    function: str
    event: dict[str, Any]


def run(settings: Settings) -> int:
    """Invoke ``FUNCTION`` with ``EVENT``, print the answer, and return 0, or 1 if the function raised an error.

    Raises:
        InvokeError: ``FUNCTION`` or ``EVENT`` is missing or unknown.
        StackError: the stack is not running.
    """
    invocation = invocation_from(os.environ)
    if outputs(settings) is None:
        raise StackError("The local stack is not running. Start it: make up")
    answer, failed = invoke(settings, invocation)
    console.print_json(json.dumps(answer))
    if failed:
        console.print(f"The function raised an error. Log: {settings.log_folder}", markup=False)
    return 1 if failed else 0


def invocation_from(environment: Mapping[str, str]) -> Invocation:
    """Return the invocation that ``FUNCTION`` and ``EVENT`` describe.

    ``FUNCTION`` is a logical id of the template, with or without its ending ``Function``. ``EVENT`` is the name of a
    sample event (``api/get-health``) or the path of a JSON file. A function with one sample needs no ``EVENT``, a
    sample no ``FUNCTION``.

    Raises:
        InvokeError: a variable is missing or unknown; the message lists the valid values.
    """
    function, event = environment.get("FUNCTION", ""), environment.get("EVENT", "")
    if function:
        owner = _known_function(function)
        return Invocation(owner, _read(event or _only_sample(owner), owner))
    if not event:
        raise InvokeError(
            "FUNCTION and EVENT are missing: make invoke FUNCTION=ApiHealth EVENT=api/get-health"
            f"\nFunctions:{_listed(name.removesuffix(_SUFFIX) for name in functions())}"
        )
    name = _sample_name(event)
    if name not in samples():
        raise InvokeError(f"{event} is no sample event, so FUNCTION is needed as well.{_alike(name, samples())}")
    return Invocation(samples()[name], _read(name, samples()[name]))


def invoke(settings: Settings, invocation: Invocation) -> tuple[Any, bool]:
    """Return the function's answer, and whether it raised an error. The answer is then the error.

    Claims that an authorizer would have verified are changed to those of the stack's user pool.
    """
    resource = client(settings, "cloudformation").describe_stack_resource(
        StackName=STACK_NAME, LogicalResourceId=invocation.function
    )
    response = client(settings, "lambda").invoke(
        FunctionName=resource["StackResourceDetail"]["PhysicalResourceId"],
        Payload=json.dumps(_with_pool(invocation.event, outputs(settings) or {})).encode(),
    )
    return json.loads(response["Payload"].read()), "FunctionError" in response


def _with_pool(event: dict[str, Any], stack: Mapping[str, Any]) -> dict[str, Any]:
    authorizer = event.get("requestContext", {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims")
    if not claims or not stack:
        return event
    issuer = str(claims["iss"]).rpartition("/")[0]
    changed = copy.deepcopy(event)
    changed["requestContext"]["authorizer"]["jwt"]["claims"] |= {
        "iss": f"{issuer}/{stack['user_pool_id']}",
        "client_id": stack["user_pool_client_id"],
    }
    return changed


def _known_function(name: str) -> str:
    for candidate in (name, f"{name}{_SUFFIX}"):
        if candidate in functions():
            return candidate
    short = [each.removesuffix(_SUFFIX) for each in functions()]
    raise InvokeError(f"template.yaml has no function {name}.{_alike(name, short)}\nFunctions:{_listed(short)}")


def _only_sample(function: str) -> str:
    own = samples_of(function)
    if len(own) != 1:
        raise InvokeError(f"EVENT is missing. Sample events of {function}:{_listed(own)}")
    return own[0]


def _read(event: str, function: str) -> dict[str, Any]:
    """Return the event: of a file, or the sample of that name.

    Raises:
        InvokeError: there is no such event, it is another function's sample, or it is not a JSON object.
    """
    owner = samples().get(_sample_name(event), function)
    if owner != function:
        raise InvokeError(f"{event} is an event of {owner}. Those of {function}:{_listed(samples_of(function))}")
    sample = EVENTS / f"{_sample_name(event)}.json"
    file = sample if sample.is_file() else Path(event)
    if not file.is_file():
        own = samples_of(function)
        raise InvokeError(
            f"There is no event {event}: neither a sample nor a file.\nSample events of {function}:{_listed(own)}"
        )
    try:
        found = json.loads(file.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvokeError(f"{event} must be a JSON object.")
    return found


def _sample_name(event: str) -> str:
    path = Path(event)
    if path.is_absolute() and path.is_relative_to(REPOSITORY):
        path = path.relative_to(REPOSITORY)
    return str(path).removeprefix("events/").removesuffix(".json")


def _alike(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {found[0]}?" if found else ""


def _listed(names: Iterable[str]) -> str:
    return "".join(f"\n  {name}" for name in names)
