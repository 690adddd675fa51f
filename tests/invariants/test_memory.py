"""Memory sizes: those that docs/MEMORY.md derives from measurements, and what they cost as snapshots."""

import re
from typing import NamedTuple

import pytest

from local.measure_memory import share
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

# US dollars per GB and second: https://aws.amazon.com/lambda/pricing/, us-east-1.
SNAPSHOT_PRICE = 0.0000015046
SECONDS_OF_A_MONTH = 730 * 3600
# Seconds that somebody who waits for a start may wait for the import, at the function's share of a processor.
LONGEST_IMPORT = {"api": 1.0, "realtime": 1.0}
RESOURCES = template()["Resources"]
FUNCTIONS = {
    name: each["Properties"] for name, each in RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"
}


class Row(NamedTuple):
    """A row of the table: processor seconds, MB, seconds."""

    import_seconds: float
    peak: int
    memory: int
    processors: float
    import_at_share: float


def rows() -> dict[str, Row]:
    cells = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| [\d.]+ \| (\d+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$",
        (REPOSITORY / "docs" / "MEMORY.md").read_text(),
        re.MULTILINE,
    )
    return {
        name: Row(float(used), int(peak), int(memory), float(part), float(seconds))
        for name, used, peak, memory, part, seconds in cells
    }


def memory_of(name: str) -> int:
    return int(FUNCTIONS[name].get("MemorySize", template()["Globals"]["Function"]["MemorySize"]))


def test_every_function_was_measured() -> None:
    assert set(rows()) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_has_the_sizes_of_the_template_and_their_consequences(name: str) -> None:
    row = rows()[name]
    assert row.memory == memory_of(name)
    assert row.processors == pytest.approx(share(row.memory), abs=0.005)
    assert row.import_at_share == pytest.approx(row.import_seconds / min(share(row.memory), 1), abs=0.005)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_twice_the_memory_that_it_needed(name: str) -> None:
    assert 2 * rows()[name].peak <= memory_of(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nobody_waits_long_for_an_import(name: str) -> None:
    folder = FUNCTIONS[name]["CodeUri"].split("/")[1]
    if folder in LONGEST_IMPORT and "SnapStart" not in FUNCTIONS[name]:
        assert rows()[name].import_at_share <= LONGEST_IMPORT[folder]


def test_the_cost_page_has_the_price_of_the_snapshots() -> None:
    gigabytes = sum(memory_of(name) for name, each in FUNCTIONS.items() if "SnapStart" in each) / 1024
    price = gigabytes * SNAPSHOT_PRICE * SECONDS_OF_A_MONTH
    assert f"${price:.2f} a month (730 hours)" in (REPOSITORY / "docs" / "COST.md").read_text()
