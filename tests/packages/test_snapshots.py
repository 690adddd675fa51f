"""SnapStart: what the functions with snapshots have in memory after their imports, and what a copy of it does."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

WITH_SNAPSHOTS = {
    name: each["Properties"]["CodeUri"].rstrip("/")
    for name, each in template()["Resources"].items()
    if "SnapStart" in each.get("Properties", {})
}
# A runtime with the library of Lambda's runtime hooks, as https://pypi.org/project/snapshot-restore-py/ describes it.
# A second initialization, at another time, in another process, must give the same values: what differs would be a
# random value, an id or a time, and all copies of a snapshot would share it.
_INITIALIZE = """
import functools, json, os, random, re, runpy, sys, types
hooks = []
library = types.ModuleType("snapshot_restore_py")
library.register_after_restore = lambda function, *args, **kwargs: hooks.append((function, args, kwargs))
sys.modules["snapshot_restore_py"] = library
runpy.run_path(sys.argv[1], run_name="app")

def values(module):
    simple = (str, int, float, bytes, bool, tuple, frozenset, type(None))
    return {
        name: re.sub(" at 0x[0-9a-f]+", "", ascii(sorted(value) if isinstance(value, frozenset) else value))
        for name, value in vars(module).items()
        if not name.startswith("__") and isinstance(value, simple)
    }

ours = {name: module for name, module in sys.modules.items() if name.startswith("dreamvision")}
cached = {}
for name, module in ours.items():
    own = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == name]
    for holder in (module, *own):
        for key, value in vars(holder).items():
            value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if isinstance(value, functools._lru_cache_wrapper):
                cached[f"{name}.{key}"] = value.cache_info().currsize
state = random.getstate()

def restored():
    random.setstate(state)
    for function, args, kwargs in hooks:
        function(*args, **kwargs)
    return random.random()

def descriptors():
    return [each for each in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{each}")]

import boto3
print(json.dumps({
    "values": {name: values(module) for name, module in ours.items()},
    "cached": cached,
    "sockets": sum(os.readlink(f"/proc/self/fd/{each}").startswith("socket:") for each in descriptors()),
    "session": boto3.DEFAULT_SESSION is not None,
    "random": [restored() for _ in range(3)],
    "hooks": len(hooks),
}))
"""


def initialize(function: str, initialization: str = "snap-start") -> dict[str, Any]:
    """Import the function's code in a process of its own, as Lambda's INIT phase does."""
    path = [REPOSITORY / "layers/dreamvision/python", REPOSITORY / "layers/api/python"]
    environment = {
        "PYTHONPATH": ":".join(map(str, path)),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "PYTHONHASHSEED": "random",
    }
    command = [sys.executable, "-c", _INITIALIZE, str(REPOSITORY / WITH_SNAPSHOTS[function] / "app.py")]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module", params=WITH_SNAPSHOTS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def snapshot(function: str) -> dict[str, Any]:
    return initialize(function)


def test_the_snapshot_has_no_value_that_should_be_unique(function: str, snapshot: dict[str, Any]) -> None:
    assert "dreamvision.core.ids" in snapshot["values"]
    assert initialize(function)["values"] == snapshot["values"]


def test_the_snapshot_has_no_connection_client_secret_or_setting(snapshot: dict[str, Any]) -> None:
    assert (snapshot["sockets"], snapshot["session"]) == (0, False)
    assert "dreamvision.analysis.factory._analyzer" in snapshot["cached"]
    assert {name for name, size in snapshot["cached"].items() if size} == set()


def test_two_copies_of_a_snapshot_draw_different_random_numbers(snapshot: dict[str, Any]) -> None:
    assert len(set(snapshot["random"])) == 3


def test_without_a_snapshot_no_hook_is_registered(function: str) -> None:
    found = initialize(function, "on-demand")
    assert (found["hooks"], len(set(found["random"]))) == (0, 1)
