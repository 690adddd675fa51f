"""A TypeScript client generated from the document, type-checked strictly and run against the stack."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.node_packages import checked, environment, installed

CLIENT = REPOSITORY / "tests" / "client"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its packages installed (cached in .local by the lock file) and the client generated."""
    packages = installed(CLIENT)
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
        env={**environment(), "API_URL": stack["api_url"]},
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


def _run(folder: Path, tool: str, *arguments: str) -> None:
    checked([str(folder / "node_modules" / ".bin" / tool), *arguments], folder)
