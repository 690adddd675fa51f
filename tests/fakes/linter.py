"""Findings of cfn-lint, which takes as long to start as to read a template: one process reads several."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def findings(files: Iterable[Path]) -> dict[Path, list[str]]:
    """Return what the linter finds in each of the files."""
    found: dict[Path, list[str]] = {file: [] for file in files}
    linter = Path(sys.executable).parent / "cfn-lint"
    command = [str(linter), "--format", "json", "--region", "us-east-1", "--", *map(str, found)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    for each in json.loads(result.stdout):
        found[Path(each["Filename"])].append(f"{each['Rule']['Id']} {each['Location']['Path']}: {each['Message']}")
    assert (result.returncode == 0) is not any(found.values()), result.stderr
    return found
