"""Node.js and the npm packages of a test project, installed by its lock file and cached in ``.local``."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

OLDEST_NODE = (20, 19)


def installed(project: Path) -> Path:
    """Return a folder with the ``node_modules`` of a project. Fails without Node: what did not run is not tested."""
    _require_node()
    lock = (project / "package-lock.json").read_bytes()
    folder = REPOSITORY / ".local" / project.name / hashlib.sha256(lock).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several workers of a run may need it at the same time.
    with (folder.parent / "installing.lock").open("a") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(project / name, folder)
            checked(["npm", "ci", "--ignore-scripts"], folder)
            (folder / "installed").touch()
    return folder


def checked(command: list[str], folder: Path) -> None:
    """Run a command; its failure fails the test."""
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}", pytrace=False)


def environment() -> dict[str, str]:
    """Return the environment of Node's tools, whose output is then plain."""
    return {**os.environ, "NO_COLOR": "1", "CI": "1"}


def _require_node() -> None:
    wanted = ".".join(map(str, OLDEST_NODE))
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.fail(f"Node.js {wanted} or newer and npm are needed for the tests of clients.", pytrace=False)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < OLDEST_NODE:
        pytest.fail(f"Node.js {wanted} or newer is needed; this is {version}.", pytrace=False)
