"""Artefacts of ``sam build`` for both architectures. Downloads wheels from the configured package index."""

import ast
import re
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import boto3
import pytest

from local.artifacts import ARCHITECTURES, Artifact, Build, build
from local.settings import REPOSITORY, load
from local.sizes import table
from packager.install import SHARED, requirements

# e_machine of the ELF header (System V ABI; ARM's ABI for the 64-bit architecture).
MACHINES = {"x86_64": 62, "arm64": 183}
CALL_CLAUDE = {"ApiAnalyzeDreamFunction", "AnalyzeDreamFunction"}
# These come with native code: pydantic, cryptography; jiter; Pillow; FFmpeg.
NATIVE = {"DependenciesLayer", *CALL_CLAUDE, "ImageUploadedFunction", "ArchiveVideoFunction"}
# With packages from a requirements.txt.
PACKAGED = NATIVE | {"ApiAuthFunction"}
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: bytes of a function and its layers, unzipped;
# layers of a function.
LAMBDA_LIMIT = 250 * 1024 * 1024
LAYERS_OF_A_FUNCTION = 5
# Our own limits in bytes, zipped: a function of the HTTP API, the layers of a function together, and ArchiveVideo.
API_FUNCTION_LIMIT, LAYERS_LIMIT, ARCHIVE_LIMIT = 6_000_000, 15_000_000, 60_000_000
# What Lambda reads, and what a license demands.
KEPT_METADATA = re.compile(r"METADATA|RECORD|entry_points\.txt|.*(licen[sc]e|copying|notice|authors).*", re.IGNORECASE)
UNUSED = re.compile(r"(^|/)(tests?|__pycache__|bin)/|\.(py[xi]|pxd|[ch])$|py\.typed$", re.IGNORECASE)


@cache
def built(architecture: str) -> Build:
    return build(architecture)


def build_of_this_machine() -> Build:
    return built(load().architecture)


def artifacts(found: Build) -> dict[str, Artifact]:
    return {**found.layers, **found.functions}


def machines(folder: Path) -> dict[str, int]:
    """Return the machine of every ELF file below ``folder``, by its path."""
    found: dict[str, int] = {}
    for file in folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                header = opened.read(20)
            if header[:4] == b"\x7fELF":
                (found[str(file.relative_to(folder))],) = struct.unpack("<H", header[18:20])
    return found


def packaged_paths(artifact: Artifact) -> Iterator[str]:
    """Yield the paths of the packages' files: not of the function's own code."""
    for file in artifact.files:
        path = str(file.relative_to(artifact.folder))
        if path != "app.py":
            yield path


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_native_library_is_built_for_the_functions_architecture(architecture: str) -> None:
    found = {name: machines(each.folder) for name, each in artifacts(built(architecture)).items()}
    assert {artifact for artifact, libraries in found.items() if libraries} == NATIVE
    wrong = {
        f"{artifact}/{path}": machine
        for artifact, libraries in found.items()
        for path, machine in libraries.items()
        if machine != MACHINES[architecture]
    }
    assert wrong == {}


def test_the_repositorys_own_code_has_no_native_libraries() -> None:
    for folder in ("functions", "layers", "prompts"):
        assert machines(REPOSITORY / folder) == {}, folder


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_packages_have_neither_sources_nor_what_no_code_reads(architecture: str) -> None:
    for name in PACKAGED:
        for path in packaged_paths(artifacts(built(architecture))[name]):
            parent, _, file = path.rpartition("/")
            if ".dist-info" in path:
                assert KEPT_METADATA.fullmatch(file) or parent.endswith("licenses") or "/licenses/" in path, path
            else:
                assert not UNUSED.search(path), f"{name}: {path}"
                assert not path.endswith(".py"), f"{name}: {path}"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_package_has_its_metadata_and_license(architecture: str) -> None:
    for name in PACKAGED:
        folder = artifacts(built(architecture))[name].folder
        for metadata in folder.rglob("METADATA"):
            text = metadata.read_text()
            licenses = re.findall(r"^License-File: (.+)$", text, re.MULTILINE)
            missing = [each for each in licenses if not list(metadata.parent.rglob(Path(each).name))]
            assert missing == [], metadata.parent.name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_function_repeats_a_package_of_its_layers(architecture: str) -> None:
    found = artifacts(built(architecture))
    shared = {each.name for each in found["DependenciesLayer"].folder.rglob("*.dist-info")}
    for name in PACKAGED - {"DependenciesLayer"}:
        assert shared.isdisjoint(each.name for each in found[name].folder.rglob("*.dist-info")), name


def test_all_lock_files_agree_on_the_versions_of_shared_packages() -> None:
    versions = dict(locked_versions(SHARED))
    for lock in [*REPOSITORY.glob("functions/**/requirements.txt"), *REPOSITORY.glob("layers/*/requirements.txt")]:
        for name, version in locked_versions(lock):
            assert versions.get(name, version) == version, f"{lock}: {name}"


def locked_versions(lock: Path) -> Iterator[tuple[str, str]]:
    for name, text in requirements(lock):
        yield name, text.partition("==")[2].split()[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_sizes_are_within_their_limits(architecture: str) -> None:
    found = built(architecture)
    for name, function in found.functions.items():
        assert len(found.layers_of[name]) <= LAYERS_OF_A_FUNCTION, name
        assert found.unzipped_with_layers(name) <= LAMBDA_LIMIT, name
        assert found.zipped_layers(name) <= LAYERS_LIMIT, name
        if name.startswith("Api"):
            assert function.zipped <= API_FUNCTION_LIMIT, name
    assert found.functions["ArchiveVideoFunction"].zipped <= ARCHIVE_LIMIT


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_table_has_every_function_and_layer(architecture: str) -> None:
    found = built(architecture)
    printed = table(architecture, found)
    assert next(iter(printed.columns[0].cells)) == "DependenciesLayer"
    assert set(printed.columns[0].cells) == found.functions.keys() | found.layers.keys()
    assert all(float(str(size)) >= 0 for size in printed.columns[1].cells)


# What Lambda's runtime brings: boto3 and its dependencies.
RUNTIME = ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "jmespath", "six.py")
_APPS = """
import os, runpy, sys
import boto3, pydantic
for app in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        runpy.run_path(app, run_name="app")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, app
"""
_IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
_USES = """
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from opentelemetry import context
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
claims = jwt.decode(jwt.encode({"sub": "one"}, key, algorithm="RS256"), key.public_key(), algorithms=["RS256"])
context.get_current()
print(claims["sub"])
"""


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of Lambda's runtime and no other package of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    site_packages = Path(boto3.__file__).parent.parent
    for name in RUNTIME:
        (folder / name).symlink_to(site_packages / name)
    return folder


def run_on_the_build(code: str, *arguments: str, artifacts: Iterable[Artifact], runtime: Path) -> str:
    """Run ``code`` with these artefacts and the runtime on the search path alone. Return its output."""
    folders = [folder for each in artifacts for folder in (each.folder / "python", each.folder) if folder.is_dir()]
    environment = {
        "PYTHONPATH": ":".join(map(str, [*folders, runtime])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "tests",
    }
    command = [sys.executable, "-S", "-c", code, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def imported_by_our_code() -> set[str]:
    """Return what our code imports outside the standard library, also within functions: modules, names of modules."""
    found: set[str] = set()
    for folder in ("functions", "layers/dreamvision", "layers/api"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module)
                elif isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
    # Stubs of boto3 are imported by type checkers only. Lambda's runtime brings the other one, as it brings boto3, but
    # this environment does not have it.
    found = {name for name in found if not name.startswith(("mypy_boto3_", "snapshot_restore_py"))}
    return {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}


def test_every_function_imports_its_code_with_its_own_layers_alone(runtime: Path) -> None:
    found = build_of_this_machine()
    by_path: dict[tuple[str, ...], list[str]] = {}
    for name in found.functions:
        path = (*((name,) if name in PACKAGED else ()), *found.layers_of[name])
        by_path.setdefault(path, []).append(str(found.functions[name].folder / "app.py"))
    for path, apps in by_path.items():
        run_on_the_build(_APPS, *apps, artifacts=[artifacts(found)[each] for each in path], runtime=runtime)


def test_every_import_of_our_code_exists_in_the_artefacts(runtime: Path) -> None:
    found = artifacts(build_of_this_machine())
    names = imported_by_our_code()
    assert {"anthropic", "av", "PIL", "httpcore", "jwt", "dreamvision.core.secrets"} <= names
    run_on_the_build(_IMPORTS, *sorted(names), artifacts=found.values(), runtime=runtime)


def test_what_was_left_out_is_not_used_by_signatures_and_contexts(runtime: Path) -> None:
    """cffi's own code is left out, and OpenTelemetry, which the Claude SDK uses, finds its context by metadata."""
    found = artifacts(build_of_this_machine())
    used = [found["DependenciesLayer"], found["AnalyzeDreamFunction"]]
    answer = run_on_the_build(_USES, artifacts=used, runtime=runtime)
    assert answer.strip() == "one"


def test_tracebacks_have_the_paths_of_lambda(runtime: Path) -> None:
    layer = build_of_this_machine().layers["DependenciesLayer"]
    code = "import httpx; print(httpx.get.__code__.co_filename)"
    assert run_on_the_build(code, artifacts=[layer], runtime=runtime).strip() == "/opt/python/httpx/_api.py"
