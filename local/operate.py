"""Give a command to the operations function of the running local stack (docs/OPERATIONS.md)."""

import json
import os
from collections.abc import Mapping
from typing import Any

from local.emulator.deploy import client
from local.progress import console
from local.settings import Settings
from local.stack.commands import StackError, outputs


class OperateError(Exception):
    """The command was not sent. The message is shown to the user."""


def run(settings: Settings) -> int:
    """Send ``COMMAND`` with the fields in ``ARGS``, print the answer, and return 0 if it was carried out, else 1.

    Raises:
        OperateError: ``COMMAND`` or ``ARGS`` is missing or invalid.
        StackError: the stack is not running, or the function failed.
    """
    request = request_from(os.environ)
    running = outputs(settings)
    if running is None:
        raise StackError("The local stack is not running. Start it: make up")
    answer = invoke(settings, running["operations_function"], request)
    console.print_json(json.dumps(answer))
    return 0 if answer["ok"] else 1


def request_from(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the request: ``COMMAND``, the fields in ``ARGS`` (a JSON object) and, unless given there, the operator.

    Raises:
        OperateError: a variable is missing or invalid.
    """
    command = environment.get("COMMAND", "")
    if not command:
        raise OperateError("""COMMAND is missing: make operate COMMAND=user.find ARGS='{"username": "Luna"}'""")
    try:
        fields = json.loads(environment.get("ARGS") or "{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise OperateError("""ARGS must be a JSON object, such as '{"username": "Luna"}'.""")
    return {"operator": environment.get("OPERATOR") or "local", **fields, "command": command}


def invoke(settings: Settings, function: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the function's answer.

    Raises:
        StackError: the function failed.
    """
    response = client(settings, "lambda").invoke(FunctionName=function, Payload=json.dumps(request).encode())
    answer: dict[str, Any] = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise StackError(f"The command failed ({answer.get('errorType')}). Log: {settings.log_folder}")
    return answer
