"""What the processes of a run have collected: which kinds of tests run completely, and the AWS calls of functions."""

from pathlib import Path
from typing import Any

import pytest

from tests.permissions.calls import Need
from tests.permissions.running import DENIED, RECORDED

_TESTS = Path(__file__).resolve().parents[1]
_KINDS = ("e2e", "integration")


class Collected:
    """The calls of this process and of its workers; the tests of this process or, with workers, of each of them."""

    def __init__(self) -> None:
        self._files: set[Path] = set()
        self._incomplete: set[Path] = set()
        self._complete: set[str] = set()
        self._recorded: set[tuple[str, Need]] = set()
        self._denied: set[str] = set()

    def deselect(self, item: pytest.Item) -> None:
        self._incomplete.add(item.path)

    def collect(self, session: pytest.Session) -> None:
        """Note the files whose tests run. A file of which a test was chosen by its name is not complete."""
        self._files |= {item.path for item in session.items}
        chosen = (Path(each.partition("::")[0]).resolve() for each in session.config.args if "::" in each)
        self._incomplete |= set(chosen)

    def complete(self) -> set[str]:
        """Return the kinds of tests of which all run."""
        files = {kind: set((_TESTS / kind).rglob("test_*.py")) for kind in _KINDS}
        return self._complete | {kind for kind in _KINDS if files[kind] <= self._files - self._incomplete}

    def recorded(self) -> tuple[set[tuple[str, Need]], set[str]] | None:
        """Return what functions have needed in integration tests, and what was denied. ``None`` without any calls."""
        recorded, denied = self._recorded | RECORDED, self._denied | DENIED
        return (recorded, denied) if recorded else None

    def to_worker_output(self) -> dict[str, Any]:
        """Return what ``merge`` reads, in types that xdist can send."""
        recorded = [[name, need.action, need.resource] for name, need in RECORDED]
        return {"complete": list(self.complete()), "recorded": recorded, "denied": list(DENIED)}

    def merge(self, output: dict[str, Any] | None) -> None:
        """Add what a worker has collected. A worker that crashed has no output."""
        if output:
            self._complete |= set(output["complete"])
            self._recorded |= {(name, Need(action, resource)) for name, action, resource in output["recorded"]}
            self._denied |= set(output["denied"])
