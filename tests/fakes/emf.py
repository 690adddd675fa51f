"""CloudWatch as the reader of metrics: what a log's EMF lines contain, and what the template's alarms and widgets read.

EMF: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.fakes.aws import template

_SEARCH = re.compile(r"SEARCH\('\{(?P<schema>[^}]+)\} (?P<terms>[^']+)', '(\w+)', \d+\)")
_TERM = re.compile(r'(\w+)="([^"]+)"')


class Sample(NamedTuple):
    """One value of a metric with its dimensions."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    values: list[float]


class Use(NamedTuple):
    """A metric that an alarm or widget reads. The dimensions' values are the names in the template."""

    reader: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]


def emf_lines(log: str) -> list[dict[str, Any]]:
    """Return the lines of a log that CloudWatch Logs treats as EMF: JSON objects with ``_aws.CloudWatchMetrics``."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if "CloudWatchMetrics" in line.get("_aws", {})]


def samples(log: str) -> list[Sample]:
    """Return what CloudWatch extracts: a sample per metric and dimension set."""
    return [sample for line in emf_lines(log) for sample in _samples(line)]


def _samples(line: Mapping[str, Any]) -> Iterator[Sample]:
    assert isinstance(line["_aws"]["Timestamp"], int)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                values = line[metric["Name"]]
                yield Sample(
                    directive["Namespace"],
                    metric["Name"],
                    {name: line[name] for name in names},
                    metric.get("Unit", "None"),
                    values if isinstance(values, list) else [values],
                )


def alarm_uses() -> list[Use]:
    """Return the metrics of all alarms."""
    found: list[Use] = []
    for name, resource in template()["Resources"].items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        properties = resource["Properties"]
        metrics = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
        for metric in metrics or [properties]:
            dimensions = {each["Name"]: _text(each["Value"]) for each in metric.get("Dimensions", [])}
            found.append(Use(name, metric["Namespace"], metric["MetricName"], dimensions))
    return found


def dashboard() -> dict[str, Any]:
    """Return the dashboard's body, with ``<Name>`` in the place of every reference."""
    text, variables = template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    known = {name: _text(value) for name, value in variables.items()}
    body: dict[str, Any] = json.loads(re.sub(r"\$\{([\w.:]+)\}", lambda name: known.get(name[1], f"<{name[1]}>"), text))
    return body


def widget_uses() -> list[Use]:
    """Return the metrics of all widgets, including those of their searches."""
    found: list[Use] = []
    for widget in dashboard()["widgets"]:
        title = str(widget["properties"].get("title"))
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], dict):
                found += _search_uses(title, row[0]["expression"])
                continue
            namespace, name, *pairs = [each for each in row if isinstance(each, str)]
            found.append(Use(title, namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True))))
    return found


def _search_uses(title: str, expression: str) -> Iterator[Use]:
    if not expression.startswith("SEARCH"):
        return
    search = _SEARCH.fullmatch(expression)
    assert search, expression
    namespace, *names = search["schema"].split(",")
    terms = dict(_TERM.findall(search["terms"]))
    yield Use(title, namespace, terms.pop("MetricName"), dict.fromkeys(names, "<any>") | terms)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        ((function, argument),) = value.items()
        if function == "Fn::Sub":
            return re.sub(r"\$\{([\w.:]+)\}", r"<\1>", argument)
        return f"<{'.'.join(argument) if isinstance(argument, list) else argument}>"
    return str(value)
