"""Hold the templates against checkov's rules: a finding needs an exception, an exception a finding (``make checkov``).

Scans ``template.yaml``, the same after the SAM transform with everything that parameters can add, and the template of
the deploy role. The exceptions and their reasons are in ``exceptions.toml``.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from local.deploy_policy import resources_of_the_stack
from local.settings import REPOSITORY

EXCEPTIONS_FILE = REPOSITORY / "local" / "scan" / "exceptions.toml"
DEPLOY_ROLE = REPOSITORY / ".github" / "deploy-role.yaml"


class ScanError(Exception):
    """Checkov did not scan every file."""


class Finding(NamedTuple):
    """A rule that a resource does not follow. The resource is a logical id."""

    check: str
    resource: str
    name: str = ""


@dataclass(frozen=True)
class Exemption:
    """A rule that resources need not follow, and why. Resources are logical ids, in which ``*`` stands for any text."""

    check: str
    resources: tuple[str, ...]
    reason: str

    def covers(self, pattern: str, finding: Finding) -> bool:
        return finding.check == self.check and fnmatchcase(finding.resource, pattern)


def exemptions() -> list[Exemption]:
    """Return the exceptions of ``exceptions.toml``."""
    entries = tomllib.loads(EXCEPTIONS_FILE.read_text())["exception"]
    return [
        Exemption(entry["check"], tuple(entry["resources"]), " ".join(entry["reason"].split())) for entry in entries
    ]


def problems(findings: Iterable[Finding], exempt: Sequence[Exemption]) -> list[str]:
    """Return the findings without an exception and the exceptions without a finding, as lines."""
    found = sorted(set(findings))
    unexplained = [
        f"{finding.check} {finding.resource}: {finding.name}"
        for finding in found
        if not any(each.covers(pattern, finding) for each in exempt for pattern in each.resources)
    ]
    unneeded = [
        f"{each.check} {pattern}: nothing is found any more, delete the exception"
        for each in exempt
        for pattern in each.resources
        if not any(each.covers(pattern, finding) for finding in found)
    ]
    return unexplained + unneeded


def findings_of(report: Mapping[str, Any], files: int) -> set[Finding]:
    """Return the findings of checkov's JSON report.

    Raises:
        ScanError: the report is not about ``files`` files, or one of them could not be parsed.
    """
    results = report.get("results", {})
    checks = [*results.get("passed_checks", []), *results.get("failed_checks", [])]
    scanned = {check["file_abs_path"] for check in checks}
    if len(scanned) != files or results.get("parsing_errors"):
        raise ScanError(f"checkov scanned {len(scanned)} of {files} files: {results.get('parsing_errors')}")
    return {
        Finding(check["check_id"], check["resource"].rpartition(".")[2], check["check_name"])
        for check in results["failed_checks"]
    }


def scan(checkov: Path) -> set[Finding]:
    """Return the findings in all templates.

    Raises:
        ScanError: checkov failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        transformed = Path(folder) / "transformed.json"
        document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources_of_the_stack()}
        transformed.write_text(json.dumps(document, default=str))
        files = [REPOSITORY / "template.yaml", transformed, DEPLOY_ROLE]
        command = [str(checkov), "--framework", "cloudformation", "--output", "json", "--skip-download"]
        # The exit code is 1 with findings as well.
        done = subprocess.run(
            [*command, "--file", *map(str, files)], cwd=folder, capture_output=True, text=True, check=False
        )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise ScanError(f"checkov failed:\n{done.stdout}{done.stderr}") from None
    return findings_of(report, len(files))


def main() -> int:
    exempt = exemptions()
    try:
        found = problems(scan(Path(sys.argv[1]).absolute()), exempt)
    except ScanError as error:
        found = [str(error)]
    for line in found:
        print(line)
    if not found:
        print(f"checkov: no findings beyond the {len(exempt)} explained exceptions")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
