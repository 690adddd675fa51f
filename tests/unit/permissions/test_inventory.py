"""The file of recorded calls, and which runs are complete."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conftest import REPOSITORY
from tests.permissions import checks, inventory
from tests.permissions.calls import Need
from tests.permissions.collected import Collected

READ = Need("dynamodb:GetItem", "<DreamsTable.Arn>")
WRITE = Need("dynamodb:UpdateItem", "<DreamsTable.Arn>")
NAME = "GenerateVideoFunction"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(inventory, "FILE", tmp_path / "recorded_calls.json")
    return tmp_path / "recorded_calls.json"


@pytest.mark.usefixtures("file")
def test_each_kind_of_tests_renews_its_own_entries() -> None:
    inventory.renew("e2e", {NAME: frozenset({READ, WRITE})})
    inventory.renew("integration", {NAME: frozenset({READ})})
    assert inventory.recorded() == {
        NAME: {
            "dynamodb:GetItem on <DreamsTable.Arn>": "e2e, integration",
            "dynamodb:UpdateItem on <DreamsTable.Arn>": "e2e",
        }
    }
    assert inventory.recorded_needs() == {NAME: frozenset({READ, WRITE})}

    inventory.renew("e2e", {})
    assert inventory.recorded_needs() == {NAME: frozenset({READ})}


@pytest.mark.usefixtures("file")
def test_a_call_that_is_not_in_the_file_is_found() -> None:
    inventory.renew("e2e", {NAME: frozenset({READ})})
    assert inventory.unlisted({NAME: frozenset({READ})}) == []
    assert inventory.unlisted({NAME: frozenset({WRITE})}) == [f"{NAME}: dynamodb:UpdateItem on <DreamsTable.Arn>"]


@pytest.mark.usefixtures("file")
def test_an_entry_that_only_these_tests_prove_has_to_be_recorded() -> None:
    inventory.renew("e2e", {NAME: frozenset({READ, WRITE})})
    inventory.renew("integration", {NAME: frozenset({READ})})
    assert inventory.unproven("e2e", {}) == [f"{NAME}: dynamodb:UpdateItem on <DreamsTable.Arn>"]
    assert inventory.unproven("e2e", {NAME: frozenset({WRITE})}) == []
    assert inventory.unproven("integration", {}) == []


def _reports(needs: Any, denied: list[str], is_complete: bool) -> dict[str, str]:
    reports: list[pytest.TestReport] = []
    config = cast(
        Any, SimpleNamespace(hook=SimpleNamespace(pytest_runtest_logreport=lambda report: reports.append(report)))
    )
    checks.report_integration_checks(config, needs, denied, is_complete)
    return {report.nodeid.rpartition("::")[2].partition("[")[0]: report.outcome for report in reports}


@pytest.mark.usefixtures("file")
def test_each_difference_is_a_failed_test() -> None:
    inventory.renew("integration", {NAME: frozenset({READ})})
    assert set(_reports({(NAME, READ)}, [], is_complete=True).values()) == {"passed"}

    found = _reports({(NAME, Need("dynamodb:Scan", "<DreamsTable.Arn>"))}, ["denied"], is_complete=True)
    assert len(found) == 4
    assert set(found.values()) == {"failed"}


@pytest.mark.usefixtures("file")
def test_a_part_of_the_tests_need_not_make_all_calls() -> None:
    inventory.renew("integration", {NAME: frozenset({READ, WRITE})})
    found = _reports({(NAME, READ)}, [], is_complete=False)
    assert set(found.values()) == {"passed"}


def _collected(args: list[str], skipped: str = "", deselected: str = "") -> Collected:
    files = (REPOSITORY / "tests" / "integration").rglob("test_*.py")
    items = [cast(Any, SimpleNamespace(path=file)) for file in files if file.name != skipped]
    found = Collected()
    for item in items:
        if item.path.name == deselected:
            found.deselect(item)
    found.collect(cast(Any, SimpleNamespace(items=items, config=SimpleNamespace(args=args))))
    return found


def test_a_run_is_complete_with_all_tests_of_all_files() -> None:
    assert _collected(["tests/integration"]).complete() == {"integration"}
    assert _collected([], skipped="test_quotas.py").complete() == set()
    assert _collected([], deselected="test_quotas.py").complete() == set()
    chosen = REPOSITORY / "tests" / "integration" / "limits" / "test_quotas.py"
    assert _collected([f"{chosen}::test_one"]).complete() == set()


def test_what_a_worker_has_collected_arrives() -> None:
    found = Collected()
    found.merge(None)
    found.merge({"complete": ["e2e"], "recorded": [[NAME, *READ]], "denied": ["no"]})
    recorded, denied = found.recorded() or (set(), set())
    assert ((NAME, READ) in recorded, "no" in denied, found.complete()) == (True, True, {"e2e"})
