"""Packages of npm for tests, installed by their lock file into a folder of ``.local``."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

_OLDEST_NODE = (20, 19)
_FILES = ("package.json", "package-lock.json", ".npmrc")


def installed(project: Path) -> Path:
    """Return the folder with the ``node_modules`` of a project. Fails, not skips, without Node.js or npm."""
    _require_node()
    lock = (project / "package-lock.json").read_bytes()
    folder = REPOSITORY / ".local" / project.name / hashlib.sha256(lock).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several workers of a run may need it at the same time.
    with (folder.parent / "installing.lock").open("a") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        _install(project, folder)
    return folder


def _install(project: Path, folder: Path) -> None:
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in _FILES:
            shutil.copy(project / name, folder)
        command = ["npm", "ci", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.fail(f"npm ci failed:\n{done.stdout}\n{done.stderr}", pytrace=False)
        (folder / "installed").touch()


def environment() -> dict[str, str]:
    """Return the environment for Node.js, without colours."""
    return {**os.environ, "NO_COLOR": "1", "CI": "1"}


def _require_node() -> None:
    wanted = ".".join(map(str, _OLDEST_NODE))
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.fail(f"Node.js {wanted} or newer and npm are needed for the checks of the page.", pytrace=False)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < _OLDEST_NODE:
        pytest.fail(f"Node.js {wanted} or newer is needed; this is {version}.", pytrace=False)
