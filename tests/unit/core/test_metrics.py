"""One EMF line per event, at once, from a module that costs next to nothing to import."""

import json
import subprocess
import sys
import warnings

import pytest

from dreamvision.core.metrics import Metric, count, record
from tests.conftest import REPOSITORY

_PROBE = """
import sys
import aws_lambda_powertools, pydantic, dreamvision.core.errors
before = set(sys.modules)
import dreamvision.core.metrics
print(*sorted(set(sys.modules) - before))
"""


@pytest.fixture(autouse=True)
def _stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "dreamvision-prod")


def test_a_line_is_written_at_once_and_without_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        count(Metric.VIDEOS_CANCELLED)
        line = json.loads(capsys.readouterr().out)
        record({Metric.SECONDS_TO_VIDEO: 61.5, Metric.VIDEOS_COMPLETED: 1})
    assert line.pop("_aws")["CloudWatchMetrics"] == [
        {
            "Namespace": "DreamVision",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": "VideosCancelled", "Unit": "Count"}],
        }
    ]
    assert line == {"service": "dreamvision-prod", "VideosCancelled": [1.0]}
    assert json.loads(capsys.readouterr().out)["SecondsToVideo"] == [61.5]


def test_events_do_not_share_values_or_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    count(Metric.VIDEOS_FAILED, reason="RenderDeadlineError")
    count(Metric.VIDEOS_CANCELLED)
    with_reason, without = map(json.loads, capsys.readouterr().out.splitlines())
    assert with_reason["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"], ["service", "reason"]]
    assert without.keys() == {"_aws", "service", "VideosCancelled"}


@pytest.mark.parametrize("text", ["I was flying", "luna@example.com", "01a2215a-8393-7f1f-87d0-d4edc7504ad7", "x" * 65])
def test_a_text_is_not_a_reason(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    count(Metric.VIDEOS_FAILED, reason=text)
    line = capsys.readouterr().out
    assert json.loads(line)["reason"] == "Other"
    assert text not in line


def test_the_module_adds_nothing_else_to_a_cold_start() -> None:
    environment = {"PYTHONPATH": str(REPOSITORY / "layers/dreamvision/python")}
    answer = subprocess.run([sys.executable, "-c", _PROBE], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["dreamvision.core.metrics"]
