"""The artefacts of ``sam build`` as they are uploaded: built for an architecture, and their sizes."""

import io
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.cloudformation_yaml import load_template
from local.emulator.build import packager_version, tool_environment
from local.settings import REPOSITORY, load

ARCHITECTURES = ("arm64", "x86_64")


class BuildError(Exception):
    """``sam build`` failed. The message is its output."""


@dataclass(frozen=True)
class Artifact:
    """The built folder of a function or layer. Sizes are in bytes."""

    name: str
    folder: Path

    @cached_property
    def files(self) -> list[Path]:
        # As SAM does, include what symbolic links point to.
        walk = self.folder.walk(follow_symlinks=True)
        return sorted(folder / name for folder, _, names in walk for name in names if folder.name != "__pycache__")

    @cached_property
    def unzipped(self) -> int:
        return sum(file.stat().st_size for file in self.files)

    @cached_property
    def zipped(self) -> int:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in self.files:
                archive.writestr(str(file.relative_to(self.folder)), file.read_bytes())
        return content.getbuffer().nbytes


@dataclass(frozen=True)
class Build:
    """What ``sam build`` made for an architecture: functions, layers, and which layers each function has."""

    functions: Mapping[str, Artifact]
    layers: Mapping[str, Artifact]
    layers_of: Mapping[str, tuple[str, ...]]

    def unzipped_with_layers(self, function: str) -> int:
        return self.functions[function].unzipped + sum(self.layers[name].unzipped for name in self.layers_of[function])

    def zipped_layers(self, function: str) -> int:
        return sum(self.layers[name].zipped for name in self.layers_of[function])


def build(architecture: str) -> Build:
    """Build the template for the architecture. Downloads wheels from the configured package index.

    Raises:
        BuildError: ``sam build`` failed.
    """
    # Kept between runs: unchanged requirements are not resolved again.
    folder = REPOSITORY / ".local" / "architectures" / architecture
    folder.mkdir(parents=True, exist_ok=True)
    command = ["sam", "build", "--config-env", "local", "--template", "template.yaml", "--no-use-container"]
    command += ["--build-dir", str(folder / "sam"), "--cache-dir", str(folder / f"cache-{packager_version()}")]
    command += ["--parameter-overrides", f"Architecture={architecture}"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=tool_environment(load()), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise BuildError(result.stderr)
    return read_build(folder / "sam")


def read_build(folder: Path) -> Build:
    """Return the artefacts that the built template in ``folder`` names."""
    template = load_template((folder / "template.yaml").read_text())
    found: dict[str, dict[str, Any]] = {"Function": {}, "LayerVersion": {}}
    for name, resource in template["Resources"].items():
        kind = resource["Type"].removeprefix("AWS::Serverless::")
        if kind in found:
            found[kind][name] = resource["Properties"]
    shared = template["Globals"]["Function"]["Layers"]
    return Build(
        {name: Artifact(name, (folder / each["CodeUri"]).resolve()) for name, each in found["Function"].items()},
        {name: Artifact(name, (folder / each["ContentUri"]).resolve()) for name, each in found["LayerVersion"].items()},
        {
            name: tuple(_layer(layer) for layer in [*shared, *each.get("Layers", [])])
            for name, each in found["Function"].items()
        },
    )


def _layer(reference: Mapping[str, Any]) -> str:
    """Return the logical id of a layer, also of one that a condition adds: the largest function counts."""
    if "Fn::If" in reference:
        _, added, _ = reference["Fn::If"]
        return str(added["Ref"])
    return str(reference["Ref"])
