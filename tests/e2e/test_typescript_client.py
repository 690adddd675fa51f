"""A TypeScript client generated from the document, type-checked strictly and run against the stack."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

CLIENT = REPOSITORY / "tests" / "client"
OLDEST_NODE = (20, 19)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its packages installed (cached in .local by the lock file) and the client generated."""
    _require_node()
    packages = _installed()
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(CLIENT, folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    for name, code in _snippets().items():
        (folder / "src" / name).write_text(code)
    document = str(REPOSITORY / "docs" / "openapi.json")
    _run(folder, "openapi-ts", "--input", document, "--output", "src/api", "--client", "@hey-api/client-axios")
    return folder


@pytest.fixture(scope="module")
def compiled(project: Path) -> Path:
    """The compiled project; generated code is checked like any other."""
    generated = [*(project / "src" / "api").rglob("*.ts")]
    assert generated
    assert not [path for path in generated if "@ts-nocheck" in path.read_text()]
    _run(project, "tsc")
    return project


def test_the_expo_snippets_of_the_docs_compile(compiled: Path) -> None:
    assert (compiled / "out" / "session.js").exists()
    assert (compiled / "out" / "video.js").exists()


def test_the_client_has_a_function_for_every_operation(project: Path) -> None:
    document = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())
    expected = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    functions = set(re.findall(r"^export const (\w+) = ", (project / "src" / "api" / "sdk.gen.ts").read_text(), re.M))
    assert functions == expected


def test_a_typescript_client_completes_the_whole_journey(compiled: Path, stack: dict[str, Any]) -> None:
    # WHEN the compiled client runs against the stack
    done = subprocess.run(
        ["node", "out/journey.js"],
        cwd=compiled,
        env={**_environment(), "API_URL": stack["api_url"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen: Mapping[str, Any] = json.loads(done.stdout)

    # THEN it was authenticated only after registering
    assert seen["unauthenticated"] == 401
    assert seen["user"]["id"] == seen["me"]["id"] == seen["signed_in_again"]

    # AND the dream became a video, which is in the history
    assert seen["location"] == f"/api/v1/videos/{seen['job_id']}"
    assert seen["video"]["status"] == "completed"
    assert seen["video"]["duration"] == 6
    assert seen["video"]["video_url"].startswith("http")
    assert seen["dream"]["job_id"] == seen["job_id"]
    assert seen["dream"]["video_status"] == "completed"
    assert seen["history"]["total"] == 1
    assert [dream["id"] for dream in seen["history"]["dreams"]] == [seen["dream"]["id"]]

    # AND an error has its type and its location
    assert seen["refused"] == {
        "status": 422,
        "type": "urn:dreamvision:problem:validation_failed",
        "places": ["body.dream_text"],
    }


def test_the_lock_file_contains_no_host() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages)


def _snippets() -> dict[str, str]:
    """Return the TypeScript of docs/api/expo.md by file name."""
    blocks = re.findall(r"```ts\n// src/(\S+)\n(.*?)```", (REPOSITORY / "docs" / "api" / "expo.md").read_text(), re.S)
    assert len(blocks) == 2
    return dict(blocks)


def _installed() -> Path:
    lock = (CLIENT / "package-lock.json").read_bytes()
    folder = REPOSITORY / ".local" / "client" / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(CLIENT / name, folder)
        _checked(["npm", "ci", "--ignore-scripts"], folder)
        (folder / "installed").touch()
    return folder


def _run(folder: Path, tool: str, *arguments: str) -> None:
    _checked([str(folder / "node_modules" / ".bin" / tool), *arguments], folder)


def _checked(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}", pytrace=False)


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "CI": "1"}


def _require_node() -> None:
    """Fail, not skip, without Node: a client that was not compiled is not tested."""
    wanted = ".".join(map(str, OLDEST_NODE))
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.fail(f"Node.js {wanted} or newer and npm are needed for the TypeScript client's test.", pytrace=False)
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if tuple(int(part) for part in version.removeprefix("v").split(".")[:2]) < OLDEST_NODE:
        pytest.fail(f"Node.js {wanted} or newer is needed; this is {version}.", pytrace=False)
