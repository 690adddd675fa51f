"""The check at the end of a run reports every leak as a failed test."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.e2e import log_check
from tests.e2e.secrets_recorder import SecretsRecorder

DREAM = "I was flying over a forest of a thousand singing trees"


def reported(monkeypatch: pytest.MonkeyPatch, *lines: str) -> tuple[bool, list[pytest.TestReport]]:
    """Run the check of one log with these lines; return its result and its reports."""
    recorder = SecretsRecorder({DREAM[:40]: "dream"})
    check: Callable[[], None] = lambda: log_check._require_clean(list(lines), recorder)  # noqa: E731
    monkeypatch.setattr(log_check, "_checks", lambda *_: [("gateway.log", check)])
    reports: list[pytest.TestReport] = []
    hook = SimpleNamespace(pytest_runtest_logreport=lambda report: reports.append(report))
    return log_check.report_log_checks(cast(Any, SimpleNamespace(hook=hook)), {}, {}), reports


def test_a_clean_log_is_a_passed_test(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, (report,) = reported(monkeypatch, "GET /api/v1/health 200")

    assert passed
    assert (report.outcome, report.when) == ("passed", "call")


def test_a_leak_is_a_failed_test_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    passed, (report,) = reported(monkeypatch, "GET /api/v1/health 200", f"analyzing {DREAM}")

    assert not passed
    assert report.failed
    assert f"analyzing {DREAM}" in str(report.longrepr)
