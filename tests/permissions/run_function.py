"""Start a function of the local stack in place of AWS's runtime client, and record what its calls need.

The shared stack of the e2e tests runs this through ``AWS_LAMBDA_EXEC_WRAPPER``; the functions themselves do not change.
Each line of the file is a JSON object with ``function`` and either ``action`` and ``resource`` or ``denial``.
"""

import json
import os
import runpy
import sys
from pathlib import Path

from tests.permissions.calls import Need
from tests.permissions.recorder import install

FILE = "RECORDED_CALLS"


class _Writer:
    """Appends each line once. A line is a single write, so that processes can share the file."""

    def __init__(self, file: Path, function: str) -> None:
        self._file = file
        self._function = function
        self._written: set[str] = set()

    def need(self, need: Need) -> None:
        self._write({"action": need.action, "resource": _without_name(need.resource)})

    def denial(self, message: str) -> None:
        self._write({"denial": message})

    def _write(self, record: dict[str, str]) -> None:
        line = json.dumps({"function": self._function, **record}) + "\n"
        if line not in self._written:
            self._written.add(line)
            with self._file.open("a") as file:
                file.write(line)


def _without_name(resource: str) -> str:
    """Return an execution's ARN with ``*`` for its name, so that one line is enough for all executions."""
    return resource.rpartition(":")[0] + ":*" if ":execution:" in resource else resource


def main() -> None:
    writer = _Writer(Path(os.environ[FILE]), os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    install(writer.need, writer.denial)
    # The function must not find more modules than it has on Lambda.
    sys.path.remove(str(Path(__file__).resolve().parents[2]))
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
