"""Changes of the sources since the last look, and what a running stack needs to serve them."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from local.cloudformation_yaml import load_template
from local.emulator.build import source_files
from local.settings import REPOSITORY

# Files that workers read where they are: of layers that `sam build` does not copy (no BuildMethod in template.yaml).
_IN_PLACE = ("layers/dreamvision/", "layers/api/", "prompts/")
# What a deploy or the packager reads.
_BUILT = (".asl.yaml", "requirements.in", "requirements.txt", "pyproject.toml", "Makefile")
_LIBRARIES = ("layers/dependencies/", "layers/sentry/", "packager/", "local/runtime.txt")


class Sources:
    """The sources' files, by modification time and size."""

    def __init__(self, files: Callable[[], Iterable[Path]] = source_files, root: Path = REPOSITORY) -> None:
        self._files = files
        self._root = root
        self._seen = self._read()

    def changed(self) -> set[str]:
        """Return the paths that were changed, added or deleted since the last call, relative to the repository."""
        found, seen = self._read(), self._seen
        self._seen = found
        return {name for name in found.keys() | seen.keys() if found.get(name) != seen.get(name)}

    def _read(self) -> dict[str, tuple[int, int]]:
        found = {}
        for file in self._files():
            try:
                status = file.stat()
            except FileNotFoundError:
                continue
            found[file.relative_to(self._root).as_posix()] = (status.st_mtime_ns, status.st_size)
        return found


def needs_deploy(path: str) -> bool:
    """Return whether a changed file takes a build and a deploy, and not only new workers."""
    return path.endswith(_BUILT) or not path.startswith(("functions/", *_IN_PLACE))


def needs_build(path: str) -> bool:
    """Return whether a changed file also takes ``sam build``."""
    return needs_deploy(path) and not path.endswith((".asl.yaml", "template.yaml"))


def changes_libraries(path: str) -> bool:
    """Return whether the fork server has imported what this file defines."""
    return path.startswith(_LIBRARIES) or path.endswith("requirements.txt")


def copy_to_build(changed: Iterable[str], build_folder: Path, root: Path = REPOSITORY) -> None:
    """Copy changed files of functions to the built functions, as ``sam build`` would."""
    sources, built = _functions(root / "template.yaml"), _functions(build_folder / "sam" / "template.yaml")
    for path in changed:
        for name, folder in sources.items():
            if name in built and PurePosixPath(path).is_relative_to(folder):
                target = build_folder / "sam" / built[name] / PurePosixPath(path).relative_to(folder)
                _copy(root / path, target)


def _functions(template: Path) -> dict[str, str]:
    """Return the folder of each function's code, by its logical id."""
    resources = load_template(template.read_text())["Resources"]
    return {
        name: resource["Properties"]["CodeUri"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _copy(source: Path, target: Path) -> None:
    # The bytecode of the build is valid whatever the source is (build.py).
    for bytecode in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
        bytecode.unlink()
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    else:
        target.unlink(missing_ok=True)
