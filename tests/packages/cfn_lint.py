"""Run cfn-lint, which takes as long to start as to read a template: one process reads several."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def findings(files: Iterable[Path], *options: str) -> list[dict[str, Any]]:
    """Return what the linter finds in the files, as its format ``json`` describes it."""
    linter = Path(sys.executable).parent / "cfn-lint"
    command = [str(linter), *options, "--format", "json", "--region", "us-east-1", "--", *map(str, files)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not result.stderr, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    assert (result.returncode == 0) is not bool(found), result.returncode
    return found
