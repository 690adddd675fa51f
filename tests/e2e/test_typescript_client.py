"""TypeScript clients generated from the documents by three tools, type-checked strictly and run against the stack."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.node_packages import checked, environment, installed

CLIENT = REPOSITORY / "tests" / "client"
OPENAPI = REPOSITORY / "docs" / "openapi.json"
DOCUMENTS = (OPENAPI, REPOSITORY / "docs" / "asyncapi.json")
GENERATORS = (
    (
        *("openapi-ts", "--input", OPENAPI.name, "--output", "src/api", "--client", "@hey-api/client-axios"),
        *("--plugins", "@hey-api/typescript", "@hey-api/sdk", "zod"),
    ),
    ("openapi-typescript", OPENAPI.name, "--output", "src/schema.ts"),
    ("orval", "--config", "orval.config.cjs"),
)
# Node 20 has WebSocket behind the flag, later versions without.
NODE = ("node", "--experimental-websocket")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its packages installed (cached in .local by the lock file) and the clients generated."""
    packages = installed(CLIENT)
    folder = tmp_path_factory.mktemp("client")
    shutil.copytree(CLIENT, folder, dirs_exist_ok=True)
    for path in DOCUMENTS:
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    for name, code in _snippets().items():
        (folder / "src" / name).write_text(code)
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_run, folder, *command) for command in GENERATORS]:
            done.result()
    return folder


@pytest.fixture(scope="module")
def compiled(project: Path) -> Path:
    """The compiled project; generated code is checked like any other."""
    generated = [*(project / "src" / "api").rglob("*.ts"), *(project / "src" / "orval").glob("*.ts")]
    generated.append(project / "src" / "schema.ts")
    assert len(generated) > 10
    assert not [path for path in generated if "@ts-nocheck" in path.read_text()]
    _run(project, "tsc")
    return project


@pytest.fixture(scope="module")
def seen(compiled: Path, stack: dict[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What the journeys have printed, which run at the same time."""
    names = ("journey-fetch", "journey-expo")
    with ThreadPoolExecutor() as pool:
        return dict(zip(names, pool.map(lambda name: _journey(compiled, name, stack), names), strict=True))


def _journey(folder: Path, name: str, stack: dict[str, Any]) -> Mapping[str, Any]:
    addresses = {
        "API_URL": stack["api_url"],
        "EXPO_PUBLIC_API_URL": stack["api_url"],
        "EXPO_PUBLIC_WEBSOCKET_URL": stack["websocket_url"],
        "NODE_PATH": str(folder / "stubs"),
    }
    done = subprocess.run(
        [*NODE, f"out/{name}.js"],
        cwd=folder,
        env={**environment(), **addresses},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen: Mapping[str, Any] = json.loads(done.stdout)
    return seen


def test_the_expo_snippets_of_the_docs_compile(compiled: Path) -> None:
    assert len(_snippets()) == 8
    for name in _snippets():
        assert (compiled / "out" / name).with_suffix(".js").exists()


def test_generated_schemas_can_be_imported(compiled: Path) -> None:
    """A pattern may compile and still be an error when the module is loaded."""
    modules = ("api/zod.gen.js", "orval/zod.js", "orval/axios.js")
    checked(["node", "-e", ";".join(f"require('./out/{module}')" for module in modules)], compiled)


def test_no_generator_writes_raw_special_characters(project: Path) -> None:
    for path in ("src/api/zod.gen.ts", "src/orval/zod.ts", "src/orval/axios.ts", "src/schema.ts"):
        assert re.findall("[\\x00-\\x08\\u2028\\u2029]", (project / path).read_text()) == [], path


def test_every_generator_types_passwords_as_text(project: Path) -> None:
    assert re.search(r"new_password: string", (project / "src/api/types.gen.ts").read_text())
    assert re.search(r"new_password: string", (project / "src/schema.ts").read_text())
    assert not re.search(r"password\??: unknown", (project / "src/api/types.gen.ts").read_text())
    assert re.search(r"new_password: \w*[sS]tring|new_password: string", (project / "src/orval/axios.ts").read_text())


def test_the_client_has_a_function_for_every_operation(project: Path) -> None:
    document = json.loads(OPENAPI.read_text())
    expected = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    for file in ("src/api/sdk.gen.ts", "src/orval/axios.ts"):
        functions = set(re.findall(r"^export const (\w+) = (?:<|\()", (project / file).read_text(), re.M))
        assert functions == expected, file


def test_spectral_finds_no_error(project: Path) -> None:
    _run(project, "spectral", "lint", *(path.name for path in DOCUMENTS), "--ruleset", "spectral.yaml")


def test_a_typescript_client_completes_the_whole_journey(seen: Mapping[str, Mapping[str, Any]]) -> None:
    found = seen["journey-expo"]
    # THEN it was authenticated only after registering, and is the same user in every session
    assert found["unauthenticated"] == 401
    assert len(found["users"]) == 3
    assert set(found["users"]) == {found["me"]}

    # AND the dream became a video, which is in the history
    job_id, dream, history = found["film"]["job_id"], found["dream"], found["history"]
    assert set(found["locations"]) == {f"/api/v1/videos/{job_id}"}
    assert found["video"]["status"] == "completed"
    assert found["video"]["duration"] == 6
    assert found["video"]["video_url"].startswith("http")
    assert dream["job_id"] == job_id
    assert dream["video_status"] == "completed"
    assert history["total"] == 1
    assert [each["id"] for each in history["dreams"]] == [dream["id"]]

    # AND an error has its type and its location
    assert found["refused"] == {
        "status": 422,
        "type": "urn:dreamvision:problem:validation_failed",
        "places": ["body.dream_text"],
    }


def test_openapi_fetch_completes_the_main_way(seen: Mapping[str, Mapping[str, Any]]) -> None:
    found = seen["journey-fetch"]
    assert found["video"]["status"] == "completed"
    assert found["video"]["aspect_ratio"] == "9:16"
    assert found["video"]["dream_id"] == found["dream_id"]
    assert [video["job_id"] for video in found["listed"]] == [found["job_id"]]
    assert found["tier"] == "free"
    # A list that is loaded again shows the same film.
    assert found["again"]["video_url"] == found["listed"][0]["video_url"]


def test_the_code_of_the_expo_page_runs(seen: Mapping[str, Mapping[str, Any]]) -> None:
    found = seen["journey-expo"]
    # One refresh for five requests with an expired token
    assert (found["signedUp"], found["refreshes"]) == (True, 1)
    # A lost answer is requested again with the same key, and the dream is filmed once
    assert len(found["keys"]) == 2
    assert len(set(found["keys"])) == 1
    assert [each["id"] for each in found["history"]["dreams"]] == [found["film"]["dream_id"]]
    assert (found["stored"], found["unsent"]) == ([], [])
    # A link is the same while it is valid
    assert found["links"] == [True, True, True]
    # The device is registered until it is removed, or the user signs out
    registered, missing = found["pushed"][1], "urn:dreamvision:problem:device_not_found"
    assert (registered["platform"], registered["locale"]) == ("android", "de-DE")
    assert [found["pushed"][number] for number in (0, 3, 4)] == [True, missing, missing]
    assert found["tapped"] == ["first", "second"]
    # The socket connects again, and reports the completed video
    assert found["reconnected"] > 1
    assert found["dream"]["thumbnail_upload"]["upload_id"]
    assert found["explained"] == {"text": "Must have at least 10 characters.", "changeText": True}
    assert (found["resumed"], found["token"]) == (False, True)


def test_the_lock_file_contains_no_host() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert all("resolved" not in package and package["integrity"] for package in packages)


def _snippets() -> dict[str, str]:
    """Return the TypeScript of docs/EXPO.md by file name."""
    return dict(re.findall(r"```ts\n// src/(\S+)\n(.*?)```", (REPOSITORY / "docs" / "EXPO.md").read_text(), re.S))


def _run(folder: Path, tool: str, *arguments: str) -> None:
    checked([str(folder / "node_modules" / ".bin" / tool), *arguments], folder)
