"""Measure what a start and a first call of each function need, beside the memory that the template gives it.

Requires a running local stack (``make up``) without other users: every function runs once with its sample event, in a
process of its own, on the built code. Prints a table: processor seconds until the code is imported and of the first
call, the peak of the memory, and how long the import takes with the function's share of a processor.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from local import settings as local_settings
from local.artifacts import Build, read_build
from local.cloudformation_yaml import load_template
from local.emulator.deploy import client
from local.progress import console, error_console, step
from local.sample_events import file_of
from local.sample_functions import EVENTS, samples_of
from local.settings import REPOSITORY, STACK_NAME, Settings
from local.stack import commands

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html: "At 1,769 MB, a function has the equivalent of
# one vCPU".
_MEGABYTES_OF_A_PROCESSOR = 1769
_RUNS = 3
# Of the commands of operators, the one that changes nothing and needs no user.
_READS_ONLY = "operations/spend-today"

# The peak comes from VmHWM, which begins with the program: `ru_maxrss` would begin with the size of the parent.
_CHILD = """
import contextlib, importlib, io, json, re, sys, time, types
module, event = sys.argv[1].rpartition(".")[0], json.loads(sys.argv[2])
context = types.SimpleNamespace(
    function_name="measured", function_version="1", memory_limit_in_mb="1024", aws_request_id="measured",
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:measured",
    get_remaining_time_in_millis=lambda: 29_000,
)
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024
started = time.process_time()
handler = getattr(importlib.import_module(module), sys.argv[1].rpartition(".")[2])
imported = time.process_time()
found = {"import_seconds": imported - started, "import_bytes": peak()}
with contextlib.redirect_stdout(io.StringIO()):
    try:
        handler(event, context)
        found["result"] = "ok"
    except Exception as error:
        found["result"] = type(error).__name__
found |= {"call_seconds": time.process_time() - imported, "peak_bytes": peak()}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Measurement:
    """Medians of a function's runs. The result is ``ok`` or the class of the error, as with ids that do not exist."""

    import_seconds: float
    call_seconds: float
    import_bytes: float
    peak_bytes: float
    result: str


def sample_event(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sample event of the function ``name`` of the template."""
    for declared in properties.get("Events", {}).values():
        if declared["Type"] == "HttpApi":
            return _read(file_of(f"{declared['Properties']['Method']} {declared['Properties']['Path']}"))
    samples = samples_of(name)
    return _read(EVENTS / f"{_READS_ONLY if _READS_ONLY in samples else samples[0]}.json")


def _read(file: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(file.read_text())
    return event


def share(megabytes: int) -> float:
    """Return the part of a processor, or the number of them, that a function with this memory has."""
    return megabytes / _MEGABYTES_OF_A_PROCESSOR


def measure(settings: Settings, built: Build, name: str, event: Mapping[str, Any]) -> Measurement:
    """Run the function in new processes."""
    runs = [_run(settings, built, name, event) for _ in range(_RUNS)]
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "result"}
    return Measurement(**medians, result=runs[-1]["result"])


def _run(settings: Settings, built: Build, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    folders = [built.functions[name].folder]
    folders += [built.layers[layer].folder / "python" for layer in built.layers_of[name]]
    folders.append(settings.build_folder / "runtime")
    environment = {
        **settings.clean_environment(),
        **_variables(settings, name),
        "PYTHONPATH": ":".join(map(str, folders)),
        "AWS_XRAY_SDK_ENABLED": "false",
    }
    command = [sys.executable, "-S", "-c", _CHILD, "app.handler", json.dumps(event)]
    done = subprocess.run(
        command, cwd=built.functions[name].folder, env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _variables(settings: Settings, name: str) -> dict[str, str]:
    resource = client(settings, "cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
    function = resource["StackResourceDetail"]["PhysicalResourceId"]
    found: dict[str, str] = client(settings, "lambda").get_function_configuration(FunctionName=function)["Environment"][
        "Variables"
    ]
    return found


def table(template: Mapping[str, Any], measured: Mapping[str, Measurement]) -> Table:
    """Return the measurements beside the configured memory. Memory in MB (2^20 bytes), as Lambda counts it."""
    found = Table("function", title_justify="left")
    for heading in ("import s", "call s", "import MB", "peak MB", "MemorySize", "processors", "import at that share s"):
        found.add_column(heading, justify="right")
    found.add_column("result")
    for name, each in measured.items():
        own = template["Resources"][name]["Properties"]
        memory = own.get("MemorySize", template["Globals"]["Function"]["MemorySize"])
        part = share(memory)
        found.add_row(
            name, f"{each.import_seconds:.2f}", f"{each.call_seconds:.2f}", f"{each.import_bytes / 2**20:.0f}",
            f"{each.peak_bytes / 2**20:.0f}", str(memory), f"{part:.2f}",
            f"{each.import_seconds / min(part, 1):.2f}", each.result,
        )  # fmt: skip
    return found


def main() -> int:
    settings = local_settings.load()
    if commands.outputs(settings) is None:
        error_console.print("The local stack is not running. Start it: make up")
        return 1
    template = load_template((REPOSITORY / "template.yaml").read_text())
    built = read_build(settings.build_folder / "sam")
    measured = {}
    for name in built.functions:
        event = sample_event(name, template["Resources"][name]["Properties"])
        with step(f"Measuring {name}"):
            measured[name] = measure(settings, built, name, event)
    console.print(table(template, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
