"""The threat model names every route with its cost, and a decision for each of OWASP's risks."""

import re

from local.sample_events import routes
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs/SECURITY.md").read_text()


def section(title: str) -> str:
    found: str = TEXT.split(f"### {title}\n")[1]
    return found.split("\n## ")[0].split("\n### ")[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_route_has_one_row_that_says_what_it_may_cost() -> None:
    found = [
        route for cells in rows("What each route may cost") for route in re.findall(r"`([A-Z]+ /[^`]*)`", cells[0])
    ]
    assert sorted(found) == sorted(routes())
    assert all(cost and limit for _, cost, limit in rows("What each route may cost"))


def test_each_of_the_ten_risks_has_a_decision() -> None:
    found = rows("OWASP API Security Top 10 (2023)")
    assert [risk.split()[0] for risk, _ in found] == [f"API{number}" for number in range(1, 11)]
    assert all(len(decision) > 80 for _, decision in found)


def test_how_to_report_is_at_the_root() -> None:
    assert "Report a vulnerability" in (REPOSITORY / "SECURITY.md").read_text()
    assert "[SECURITY.md](../SECURITY.md)" in TEXT
    assert "[SECURITY.md](SECURITY.md)" in (REPOSITORY / "README.md").read_text()
