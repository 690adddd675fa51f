"""Which function each sample event of ``events/`` belongs to.

The folders of ``events/`` are those of ``functions/``. An event of the HTTP API names its route, and the template the
function of the route; in the other folders, the event or the folder is named after the function's folder.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from local.cloudformation_yaml import load_template
from local.settings import REPOSITORY

EVENTS = REPOSITORY / "events"
EXECUTION_INPUT = "execution-input"
"""Name of an event that starts a state machine instead of a function: ``events/workflows/erasure/execution-input``."""


@cache
def functions() -> Mapping[str, str]:
    """Return each function's logical id and its folder below ``functions/`` (``triggers/sweep``)."""
    found = {}
    for name, resource in _resources().items():
        if resource["Type"] == "AWS::Serverless::Function":
            found[name] = str(resource["Properties"]["CodeUri"]).removeprefix("functions/").strip("/")
    return found


@cache
def samples() -> Mapping[str, str]:
    """Return each sample event (``api/get-health``) and the logical id of its function.

    Raises:
        LookupError: an event belongs to no function.
    """
    names = [str(file.relative_to(EVENTS).with_suffix("")) for file in sorted(EVENTS.rglob("*.json"))]
    return {name: _function_of(name) for name in names if Path(name).name != EXECUTION_INPUT}


def samples_of(function: str) -> list[str]:
    """Return the names of a function's sample events."""
    return [name for name, owner in samples().items() if owner == function]


def _function_of(name: str) -> str:
    if name.startswith("api/"):
        route = json.loads((EVENTS / f"{name}.json").read_text())["routeKey"]
        return _owner(functions_of_routes(), route)
    folders = {folder: function for function, folder in functions().items()}
    if name.startswith("operations/"):
        return folders["operations"]
    if name in ("realtime/ping", "realtime/sync"):
        return folders["realtime/messages"]
    parent, _, last = name.rpartition("/")
    return _owner(folders, f"{parent}/{_snake_case(last)}")


def _owner(owners: Mapping[str, str], key: str) -> str:
    if key not in owners:
        raise LookupError(f"No function of template.yaml belongs to {key}.")
    return owners[key]


@cache
def functions_of_routes() -> Mapping[str, str]:
    """Return each route (``POST /api/v1/auth/login``) and the logical id of its function."""
    return {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": name
        for name in functions()
        for event in (_resources()[name]["Properties"].get("Events") or {}).values()
        if event["Type"] == "HttpApi"
    }


@cache
def _resources() -> Mapping[str, Any]:
    found: dict[str, Any] = load_template((REPOSITORY / "template.yaml").read_text())["Resources"]
    return found


def _snake_case(name: str) -> str:
    spaced = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.removeprefix("_").replace("-", "_")
