"""The Makefile's targets: listed, complete, and those that need no stack run."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9-]+):.*?## ", MAKEFILE, re.MULTILINE)
# Without installing anything: the packages are there.
MAKE = ("make", "--no-print-directory", "-o", ".venv/.local-installed", "-o", ".venv/.tests-installed")


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAKE, *words], cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^  make ([a-z0-9-]+) ", make("help").stdout, re.MULTILINE)
    assert listed == TARGETS
    phony = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[0].split()
    assert sorted(phony) == sorted(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_starts_what_exists(target: str) -> None:
    shown = make("--dry-run", target)
    assert shown.returncode == 0, shown.stderr
    modules = re.findall(r"-m ([\w.]+)", shown.stdout)
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("kind", ["unit", "integration", "e2e", "packages", "lifecycle"])
def test_each_kind_of_tests_can_be_selected(kind: str) -> None:
    # Few files: to collect all tests takes many seconds.
    shown = make(f"test-{kind}", "WORKERS=0", "ARGS=--collect-only -q -p no:cacheprovider --ignore-glob=*/test_[!bil]*")
    assert shown.returncode == 0, shown.stdout
    collected = [line for line in shown.stdout.splitlines() if "::" in line]
    assert collected
    assert all(line.startswith(f"tests/{kind}/") for line in collected)


def test_format_formats(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((REPOSITORY / "pyproject.toml").read_text())
    code = tmp_path / "code.py"
    code.write_text("import sys\nimport os\nPATHS = [ os.name,*sys.path ]\n")
    command = ["make", "-f", str(REPOSITORY / "Makefile"), f"VENV={REPOSITORY / '.venv'}"]
    command += ["-o", str(REPOSITORY / ".venv/.tests-installed"), "format"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert code.read_text() == "import os\nimport sys\n\nPATHS = [os.name, *sys.path]\n", done.stdout + done.stderr
