"""Print the sizes of functions and layers for each architecture (``make sizes``)."""

import sys
from collections.abc import Iterable

from rich.table import Table

from local.artifacts import ARCHITECTURES, Artifact, Build, build
from local.progress import console, step

_MEGABYTE = 1_000_000


def table(architecture: str, built: Build) -> Table:
    """Return the sizes in megabytes (10^6 bytes), the largest first. A function's total includes its layers."""
    found = Table(title=architecture, title_justify="left")
    found.add_column("function or layer", no_wrap=True)
    for heading in ("zipped", "unzipped", "layers, zipped", "all, unzipped"):
        found.add_column(heading, justify="right")
    for artifact in _largest_first(built.layers.values()):
        found.add_row(artifact.name, *_megabytes(artifact.zipped, artifact.unzipped))
    found.add_section()
    for artifact in _largest_first(built.functions.values()):
        sizes = (artifact.zipped, artifact.unzipped)
        sums = (built.zipped_layers(artifact.name), built.unzipped_with_layers(artifact.name))
        found.add_row(artifact.name, *_megabytes(*sizes, *sums))
    return found


def _largest_first(artifacts: Iterable[Artifact]) -> list[Artifact]:
    return sorted(artifacts, key=lambda each: each.zipped, reverse=True)


def _megabytes(*sizes: int) -> list[str]:
    return [f"{size / _MEGABYTE:.2f}" for size in sizes]


def main() -> int:
    for architecture in ARCHITECTURES:
        with step(f"Building for {architecture}"):
            built = build(architecture)
        console.print(table(architecture, built))
    return 0


if __name__ == "__main__":
    sys.exit(main())
