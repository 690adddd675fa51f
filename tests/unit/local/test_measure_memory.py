"""The table of ``make measure-memory``: sample events and shares of a processor."""

import io

import pytest
from rich.console import Console

from local.measure_memory import Measurement, sample_event, share, table
from tests.fakes.aws import template

FUNCTIONS = {
    name: each["Properties"]
    for name, each in template()["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_sample_event(name: str) -> None:
    assert isinstance(sample_event(name, FUNCTIONS[name]), dict)


def test_a_function_of_1769_mb_has_one_processor() -> None:
    assert share(1769) == 1
    assert share(1024) == pytest.approx(0.579, abs=0.001)


def test_an_import_takes_longer_with_a_part_of_a_processor_and_not_shorter_with_two() -> None:
    used = {
        "ApiVideosFunction": Measurement(0.5, 0.1, 60 * 2**20, 80 * 2**20, "ok"),
        "AnalyzeDreamFunction": Measurement(1.0, 0.1, 100 * 2**20, 120 * 2**20, "DreamNotFoundError"),
    }
    shown = {
        **template(),
        "Resources": {
            "ApiVideosFunction": {"Properties": {"MemorySize": 512}},
            "AnalyzeDreamFunction": {"Properties": {"MemorySize": 3538}},
        },
    }
    printed = io.StringIO()
    Console(width=200, file=printed).print(table(shown, used))
    lines = printed.getvalue().splitlines()
    (videos,) = [line.split("│")[1:-1] for line in lines if "ApiVideosFunction" in line]
    (analyze,) = [line.split("│")[1:-1] for line in lines if "AnalyzeDreamFunction" in line]
    assert [cell.strip() for cell in videos[3:]] == ["60", "80", "512", "0.29", "1.73", "ok"]
    assert [cell.strip() for cell in analyze[5:8]] == ["3538", "2.00", "1.00"]
