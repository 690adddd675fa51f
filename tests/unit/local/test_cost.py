"""``make cost``: the page is up to date, and what it is computed from is complete and dated."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from local.cost import __main__ as command
from local.cost import stack as cost_stack
from local.cost.__main__ import PAGE
from local.cost.page import render
from local.cost.prices import Price, assumptions, milliseconds, prices
from local.cost.stack import Stack
from local.cost.usage import Usage


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack()


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text() == render(), "run make cost"
    assert "{{" not in render()


def test_the_command_prints_the_page_and_renews_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PAGE", tmp_path / "COST.md")
    assert command.main() == 0
    assert capsys.readouterr().out == (tmp_path / "COST.md").read_text() == PAGE.read_text()


def test_every_price_has_a_source_a_date_and_a_use(stack: Stack) -> None:
    for name, price in prices().items():
        assert price.source.startswith("https://"), name
        assert date(2026, 1, 1) <= price.date <= date.today(), name  # noqa: DTZ011 - a day, in any time zone
        assert price.dollars > 0
    used = set(Usage(stack, 1000).quantities())
    assert prices().keys() - used == {"render_seconds"}
    assert used <= prices().keys()


def test_the_renders_price_is_that_of_the_default_model(stack: Stack) -> None:
    assert f"with {stack.parameters['RunwayModel']} " in prices()["render_seconds"].unit


def test_every_assumption_is_used_and_every_function_exists(stack: Stack) -> None:
    source = "".join(file.read_text() for file in PAGE.parent.parent.glob("local/cost/*.py"))
    assert [name for name in assumptions() if f'["{name}"]' not in source] == []
    assert milliseconds().keys() == Usage(stack, 1).invocations().keys()
    assert milliseconds().keys() <= stack.of_type("AWS::Lambda::Function").keys()


def test_free_units_are_not_billed() -> None:
    price = Price("Service", "unit", Decimal("0.5"), Decimal(10), "https://example.com", date(2026, 11, 28))
    assert [price.cost(Decimal(each), allowances=True) for each in (0, 10, 14)] == [0, 0, 2]
    assert price.cost(Decimal(14), allowances=False) == 7


def test_renders_are_polled_as_the_parameters_say(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (stack.parameters["PollFirstWait"], stack.parameters["PollInterval"]) == ("20", "5")
    assert [stack.polls(seconds) for seconds in (5, 20, 21, 25, 60)] == [1, 1, 2, 2, 9]
    monkeypatch.setitem(stack.parameters, "PollInterval", "10")
    assert stack.polls(60) == 5


def test_a_videos_states_are_those_of_the_definition(stack: Stack) -> None:
    wait = ["WaitForRender", "PollVideo", "RenderOutcome"]
    first, last = ["NeedsAnalysis?", "AnalyzeDream", "GenerateVideo"], ["ArchiveVideo", "VideoCompleted"]
    assert stack.states(1) == [*first, *wait, *last]
    assert stack.states(3) == [*first, *wait * 3, *last]


def test_the_template_decides_what_is_always_there(stack: Stack) -> None:
    idle = Usage(stack, 0).quantities()
    # The operator has another one, which signs links.
    assert idle["secrets"] == len(stack.of_type("AWS::SecretsManager::Secret")) + 1
    assert idle["alarm_metrics"] == stack.alarm_metrics > len(stack.of_type("AWS::CloudWatch::Alarm"))
    assert stack.scheduled["SweepFunction"] == cost_stack.HOURS * 60 // 5
    assert idle["transitions"] == idle["active_users"] == idle["media_gb"] == 0


def test_use_grows_with_the_videos(stack: Stack) -> None:
    few, many = Usage(stack, 1000).quantities(), Usage(stack, 2000).quantities()
    fixed = {"secrets", "snapshots", "alarm_metrics", "dashboards", "metrics", "alarm_emails"}
    for name in few.keys() - fixed:
        assert few[name] < many[name] <= 2 * few[name], name
    assert {name: few[name] for name in fixed} == {name: many[name] for name in fixed}
