"""Artefacts of ``sam build`` for both architectures. Downloads wheels from the configured package index.

Only the artefacts with third-party packages are built; the others contain the repository's files alone.
"""

import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.cloudformation_yaml import load_template, render_template
from local.emulator.build import tool_environment
from local.settings import REPOSITORY, load

# e_machine of the ELF header (System V ABI; ARM's ABI for the 64-bit architecture).
MACHINES = {"x86_64": 62, "arm64": 183}
# These come with native code: pydantic, cryptography; jiter; Pillow; FFmpeg.
NATIVE = {"DependenciesLayer", "ApiAnalyzeDreamFunction", "AnalyzeDreamFunction", "ImageUploadedFunction"}
NATIVE |= {"ArchiveVideoFunction"}


def packaged() -> tuple[dict[str, Any], set[str]]:
    """Return the template reduced to what is built from requirements, and the ids of the layers and functions in it."""
    template = load_template((REPOSITORY / "template.yaml").read_text())
    kept: dict[str, Any] = {}
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        code = properties.get("CodeUri") or properties.get("ContentUri")
        if code is not None and (REPOSITORY / code / "requirements.txt").is_file():
            location = "CodeUri" if "CodeUri" in properties else "ContentUri"
            only = {key: value for key, value in properties.items() if key.startswith("Compatible")}
            properties = {**only, location: str(REPOSITORY / code)}
            kept[name] = {key: resource[key] for key in ("Type", "Metadata") if key in resource}
            kept[name]["Properties"] = properties
    shared = template["Globals"]["Function"]
    settings = {key: shared[key] for key in ("Runtime", "Handler", "Architectures")}
    reduced = {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Transform": template["Transform"],
        "Parameters": template["Parameters"],
        "Globals": {"Function": settings},
        "Resources": kept,
    }
    return reduced, set(kept)


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


@pytest.mark.parametrize("architecture", MACHINES)
def test_every_native_library_is_built_for_the_functions_architecture(architecture: str) -> None:
    template, artefacts = packaged()
    # Kept between runs: unchanged requirements are not resolved again.
    folder = REPOSITORY / ".local" / "architectures" / architecture
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(render_template(template))
    command = ["sam", "build", "--template", "template.yaml", "--build-dir", "sam", "--cached", "--cache-dir", "cache"]
    command += ["--parallel", "--no-use-container", "--parameter-overrides", f"Architecture={architecture}"]
    built = subprocess.run(
        command, cwd=folder, env=tool_environment(load()), capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr

    found = {artefact: machines(folder / "sam" / artefact) for artefact in artefacts}
    assert {artefact for artefact, libraries in found.items() if libraries} == NATIVE
    wrong = {
        f"{artefact}/{path}": machine
        for artefact, libraries in found.items()
        for path, machine in libraries.items()
        if machine != MACHINES[architecture]
    }
    assert wrong == {}


def test_the_repositorys_own_code_has_no_native_libraries() -> None:
    for folder in ("functions", "layers", "prompts"):
        assert machines(REPOSITORY / folder) == {}, folder
