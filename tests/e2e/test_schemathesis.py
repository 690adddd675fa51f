"""Schemathesis with the document, against the running stack: requests, responses and authorization.

All phases: the examples, every boundary of every schema, random valid and invalid values, and sequences along the
links. ``schemathesis.toml`` explains which checks do not apply; ``schemathesis_hooks.py`` signs in.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

HERE = REPOSITORY / "tests" / "e2e"
DOCUMENT = REPOSITORY / "docs" / "openapi.json"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
# Passwords and refresh tokens cannot be guessed.
MAY_REFUSE = {
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/change-password",
    "DELETE /api/v1/auth/me",
}


def test_the_service_conforms_to_the_document(
    stack: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # WHEN Schemathesis has run
    report_file = tmp_path / "report.json"
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"),
            *("--config-file", str(HERE / "schemathesis.toml")),
            *("run", str(DOCUMENT), "--url", stack["api_url"]),
            *("--report", "json", "--report-json-path", str(report_file)),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "API_URL": stack["api_url"],
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(HERE),
            "NO_PROXY": "*",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert report_file.exists(), f"{done.stdout}\n{done.stderr}"
    report = json.loads(report_file.read_text())
    with capsys.disabled():
        print(f"\n{_counts(report, done.stdout)}")

    # THEN it found nothing, in any phase, and skipped no operation
    assert done.returncode == 0, done.stdout
    assert (report["test_cases"]["unique_failures"], report["test_cases"]["errored"]) == (0, 0)
    assert {name: report["phases"][name]["status"] for name in PHASES} == dict.fromkeys(PHASES, "success")
    document = json.loads(DOCUMENT.read_text())
    assert report["operations"]["tested"] == sum(len(item) for item in document["paths"].values())
    assert report["operations"]["skipped"] == 0
    # AND it could use every pattern, and was authorized on every route that it can reach
    assert report["warnings"]["unsupported_regex"] == []
    assert set(report["warnings"]["missing_auth"]) <= MAY_REFUSE


def _counts(report: dict[str, Any], output: str) -> str:
    """Summarize the run for the log."""
    cases, operations = report["test_cases"], report["operations"]
    links = re.search(r"API Links: +(.*)", output)
    return (
        f"Schemathesis {report['schemathesis_version']}, seed {report['seed']}: {cases['generated']} test cases on"
        f" {operations['tested']} of {operations['total']} operations in {report['running_time']:.0f} s,"
        f" links: {links.group(1) if links else 'none'}; {cases['unique_failures']} failures"
    )
