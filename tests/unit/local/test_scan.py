"""The scanners: what counts as a problem, and which files are audited."""

import pytest

from local.lock_requirements import LOCKED
from local.scan.audit import commands
from local.scan.checkov import Exemption, Finding, ScanError, findings_of, problems
from local.settings import REPOSITORY

KEY = Exemption("CKV_1", ("DreamsTable", "*Logs"), "because")


def report(*failed: tuple[str, str], files: tuple[str, ...] = ("/a",), **results: object) -> dict[str, object]:
    checks = [{"check_id": check, "resource": f"AWS::X::Y.{name}", "check_name": "text"} for check, name in failed]
    passed = [{"check_id": "CKV_0", "resource": "AWS::X::Y.Z", "check_name": "text", "file_abs_path": f} for f in files]
    for check in checks:
        check["file_abs_path"] = files[0]
    return {"results": {"failed_checks": checks, "passed_checks": passed, "parsing_errors": [], **results}}


def test_an_explained_finding_is_no_problem() -> None:
    findings = [Finding("CKV_1", "DreamsTable"), Finding("CKV_1", "ApiLogs"), Finding("CKV_1", "ErasureLogs")]
    assert problems(findings, [KEY]) == []


def test_an_unexplained_finding_is_a_problem() -> None:
    findings = [Finding("CKV_1", "DreamsTable"), Finding("CKV_1", "ApiLogs")]
    other = [Finding("CKV_1", "VideosTable", "is not encrypted"), Finding("CKV_2", "DreamsTable", "is public")]
    assert problems([*findings, *other], [KEY]) == [
        "CKV_1 VideosTable: is not encrypted",
        "CKV_2 DreamsTable: is public",
    ]


def test_an_exception_that_is_not_needed_is_a_problem() -> None:
    assert problems([Finding("CKV_1", "DreamsTable")], [KEY]) == [
        "CKV_1 *Logs: nothing is found any more, delete the exception"
    ]


def test_findings_are_read_from_the_report() -> None:
    assert findings_of(report(("CKV_1", "DreamsTable")), 1) == {Finding("CKV_1", "DreamsTable", "text")}


@pytest.mark.parametrize("found", [report(files=()), report(parsing_errors=["/b"]), {"passed": 0, "failed": 0}])
def test_an_incomplete_scan_is_not_taken_for_a_clean_one(found: dict[str, object]) -> None:
    with pytest.raises(ScanError, match="files"):
        findings_of(found, 1)


def test_every_lock_file_is_audited() -> None:
    folders = ("functions", "layers", "local", "tests")
    found = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.in")]
    locks = {str(path.with_suffix(".txt").relative_to(REPOSITORY)) for path in found}
    assert locks == {f"{name}.txt" for name in LOCKED}
    assert all("--strict" in command for command in commands("pip-audit")), "else an unknown package passes"
    assert [command[-1] for command in commands("pip-audit")] == [f"{name}.txt" for name in LOCKED]
