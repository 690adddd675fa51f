"""Install the packages of a layer or function for Lambda: as bytecode, without what its code never reads.

Run by ``sam build`` (rules.mk) in a copy of the source folder; needs Python 3.13 and pip alone. The machine's own
architecture does not matter: pip downloads wheels for the given one.
"""

import compileall
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

# Every function has this layer, so no other artefact repeats its packages. All lock files agree on their versions.
SHARED = Path(__file__).resolve().parent.parent / "layers" / "dependencies" / "requirements.txt"
# python3.13 runs on Amazon Linux 2023, which has glibc 2.34; 2.17 is the oldest with wheels for arm64 (manylinux2014).
GLIBC = range(17, 35)
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

# Tests, type stubs and markers, Cython and C sources, scripts.
UNUSED_FOLDERS = {"tests", "test", "bin"}
UNUSED_SUFFIXES = {".pyi", ".pyx", ".pxd", ".h", ".c", ".exe"}
UNUSED_FILES = {"py.typed"}
# Of a package's metadata: what licenses demand and scanners read. OpenTelemetry finds its context by entry points.
METADATA = {"METADATA", "RECORD", "entry_points.txt"}
METADATA_FOLDER = re.compile(r"\.dist-info/")
LICENSE = re.compile(r"(licen[sc]e|copying|notice|authors)", re.IGNORECASE)
# cffi's compiler and its parser of C: cryptography is compiled already and uses _cffi_backend alone.
UNUSED_PARTS = ("cffi", "pycparser")


def main(kind: str, architecture: str, artifacts: Path) -> None:
    source = Path.cwd()
    target = artifacts / "python" if kind == "layer" else artifacts
    target.mkdir(parents=True, exist_ok=True)
    install(source / "requirements.txt", architecture, target, excluded=set() if is_shared(source) else names(SHARED))
    prune(target)
    compile_all(target, "/opt/python" if kind == "layer" else "/var/task")
    if kind == "function":
        for file in source.glob("*.py"):
            shutil.copy2(file, target)


def is_shared(source: Path) -> bool:
    return (source / "requirements.txt").read_bytes() == SHARED.read_bytes()


def requirements(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the text, with its hashes, of each requirement of a lock file."""
    for text in re.split(r"\n(?=\S)", file.read_text()):
        if found := re.match(r"[A-Za-z0-9._-]+", text):
            yield re.sub(r"[-_.]+", "-", found[0]).lower(), text


def names(file: Path) -> set[str]:
    return {name for name, _ in requirements(file)}


def install(lock: Path, architecture: str, target: Path, excluded: set[str]) -> None:
    """Unpack the locked wheels for the architecture into ``target``, without the packages named ``excluded``."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(target)]
    command += ["--implementation", "cp", "--python-version", "3.13"]
    machine = MACHINES[architecture]
    for platform in (f"manylinux2014_{machine}", *(f"manylinux_2_{minor}_{machine}" for minor in GLIBC)):
        command += ["--platform", platform]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.writelines(f"{text}\n" for name, text in requirements(lock) if name not in excluded)
        wanted.flush()
        subprocess.run([*command, "-r", wanted.name], check=True)


def prune(target: Path) -> None:
    """Delete what the code never reads."""
    parts = [each for pattern in UNUSED_PARTS for each in target.glob(pattern)]
    for file in [each for each in target.rglob("*") if each.is_file()]:
        if is_unused(file.relative_to(target)) or any(file.is_relative_to(part) for part in parts):
            file.unlink()
    # An empty folder could still be imported.
    for folder in sorted((each for each in target.rglob("*") if each.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def is_unused(file: Path) -> bool:
    """Return whether the file, with its path in the artefact, can be left out."""
    if file.parts[0].endswith(".data"):
        return True
    if file.parts[0].endswith(".dist-info"):
        return file.name not in METADATA and not LICENSE.search(file.name) and "licenses" not in file.parts
    in_unused_folder = not UNUSED_FOLDERS.isdisjoint(file.parts[:-1])
    return in_unused_folder or file.suffix in UNUSED_SUFFIXES or file.name in UNUSED_FILES


def compile_all(target: Path, on_lambda: str) -> None:
    """Replace sources by bytecode, whose tracebacks have the paths of ``on_lambda``.

    Lambda's file system is read-only, so every cold start would compile all imports again. Bytecode beside its source
    would double the size. It is that of Python 3.13, and is not checked against sources.
    """
    compiled = compileall.compile_dir(
        target, quiet=1, workers=1, legacy=True, stripdir=str(target), prependdir=on_lambda, rx=METADATA_FOLDER,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip
    if not compiled:
        sys.exit("a package could not be compiled")
    for file in target.rglob("*.py"):
        if not METADATA_FOLDER.search(str(file)):
            file.unlink()


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 13):
        sys.exit("packaging/install.py needs Python 3.13, the version on Lambda")
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
