"""Checks after the last test of a run, reported as tests of their own."""

import time
import traceback
from collections.abc import Callable, Iterable

import pytest

type Check = tuple[str, Callable[[], None]]
"""A name, and a function that raises if the check fails."""


def report_checks(config: pytest.Config, file: str, checks: Iterable[Check]) -> bool:
    """Run the checks and report each as a test of ``file``. Return whether all passed."""
    passed = True
    for name, check in checks:
        started = time.time()
        try:
            check()
            failure = None
        except Exception as error:
            failure = f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}"
            passed = False
        report = pytest.TestReport(
            nodeid=f"{file}::{name}",
            location=(file, None, name),
            keywords={},
            outcome="passed" if failure is None else "failed",
            longrepr=failure,
            when="call",
            start=started,
            stop=time.time(),
            duration=time.time() - started,
        )
        config.hook.pytest_runtest_logreport(report=report)
    return passed
