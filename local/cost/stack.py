"""What the bill depends on in the deployed stack: the transformed template and the definition of the workflow."""

import math
import re
import tomllib
from functools import cached_property
from typing import Any

import yaml

from local.settings import REPOSITORY
from local.transformed import Evaluation, parameters_of, transformed

HOURS = 730
"""Hours of a month, as AWS counts them."""
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_WORKFLOW = REPOSITORY / "functions/workflows/dream_to_video/dream_to_video.asl.yaml"


class Stack:
    """The stack of ``prod`` with the parameters of ``samconfig.toml``."""

    def __init__(self) -> None:
        config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
        pairs = [each.split("=", 1) for each in config["prod"]["global"]["parameters"]["parameter_overrides"]]
        overrides = {pair[0]: pair[1] for pair in pairs}
        template = transformed(overrides)
        self.parameters = parameters_of(template, overrides)
        self._resources = Evaluation(template, overrides).resources()

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of a type by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self._resources.items()
            if resource["Type"] == kind
        }

    @cached_property
    def alarm_metrics(self) -> int:
        """The metrics that all alarms read."""
        alarms = self.of_type("AWS::CloudWatch::Alarm").values()
        return sum(max(1, sum("MetricStat" in metric for metric in alarm.get("Metrics", []))) for alarm in alarms)

    @cached_property
    def scheduled(self) -> dict[str, int]:
        """The invocations of each scheduled function in a month."""
        found: dict[str, int] = {}
        for rule in self.of_type("AWS::Events::Rule").values():
            if "ScheduleExpression" not in rule:
                continue
            count, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", rule["ScheduleExpression"]).groups()  # type: ignore[union-attr]
            for target in rule["Targets"]:
                name = re.sub(r"[<>]|\.Arn|Alias.*", "", target["Arn"])
                found[name] = found.get(name, 0) + HOURS * 60 // (int(count) * _MINUTES[unit])
        return found

    @property
    def snapshot_gigabytes(self) -> float:
        """The memory of all snapshots: one per function that starts from a snapshot."""
        functions = self.of_type("AWS::Lambda::Function")
        kept = [
            name for name, each in functions.items() if each.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"
        ]
        return sum(self.gigabytes(name) for name in kept)

    def gigabytes(self, function: str) -> float:
        """Return a function's memory in GB, as Lambda bills it."""
        return float(self.of_type("AWS::Lambda::Function")[function].get("MemorySize", 128)) / 1024

    def polls(self, render_seconds: int) -> int:
        """Return how often a render of this length is polled."""
        first, interval = int(self.parameters["PollFirstWait"]), int(self.parameters["PollInterval"])
        return 1 + max(0, math.ceil((render_seconds - first) / interval))

    def states(self, polls: int) -> list[str]:
        """Return the states that a video's execution enters, from its analysis to its completion."""
        definition = yaml.safe_load(_WORKFLOW.read_text())
        decisions = {
            "NeedsAnalysis?": ["AnalyzeDream"],
            "RenderOutcome": ["WaitForRender"] * (polls - 1) + ["ArchiveVideo"],
        }
        entered = [definition["StartAt"]]
        while (state := definition["States"][entered[-1]])["Type"] not in ("Succeed", "Fail"):
            entered.append(decisions[entered[-1]].pop(0) if state["Type"] == "Choice" else state["Next"])
        return entered
