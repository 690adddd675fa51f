"""CloudWatch metrics, in the embedded metric format (EMF): CloudWatch Logs extracts them from the log.

A line is written at the moment of the event, not at the end of the invocation: neither an error nor a timeout of the
function loses it. Names and dimensions are read by the alarms and the dashboard in template.yaml.

Dimensions are ``service`` (the stack) and, beside it, at most one ``reason`` from a closed list; never an id, an
address or a text. CloudWatch bills every combination that is in use: $0.30 a month.
"""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Final

from aws_lambda_powertools.metrics import EphemeralMetrics

from dreamvision.core.errors import DreamVisionError

NAMESPACE: Final = "DreamVision"
# CloudWatch has no unit for money.
_DOLLARS: Final = "None"
# Class names and Step Functions' error names (States.Timeout, Lambda.Unknown).
_REASON: Final = re.compile(r"[A-Za-z][A-Za-z.]{0,63}")


class Metric(Enum):
    """A metric: its name and its CloudWatch unit."""

    ANALYSES_COMPLETED = ("AnalysesCompleted", "Count")
    SECONDS_TO_ANALYSIS = ("SecondsToAnalysis", "Seconds")
    INPUT_TOKENS = ("InputTokens", "Count")
    OUTPUT_TOKENS = ("OutputTokens", "Count")
    CLAUDE_COST = ("ClaudeCost", _DOLLARS)
    RUNWAY_COST = ("RunwayCost", _DOLLARS)
    VIDEOS_COMPLETED = ("VideosCompleted", "Count")
    VIDEOS_FAILED = ("VideosFailed", "Count")
    VIDEOS_REFUSED = ("VideosRefused", "Count")
    VIDEOS_CANCELLED = ("VideosCancelled", "Count")
    SECONDS_IN_QUEUE = ("SecondsInQueue", "Seconds")
    SECONDS_TO_VIDEO = ("SecondsToVideo", "Seconds")
    OLDEST_OPEN_VIDEO = ("OldestOpenVideo", "Seconds")
    SERVICE_QUOTA_USED = ("ServiceQuotaUsed", "Percent")
    QUOTA_REFUSALS = ("QuotaRefusals", "Count")
    SIGN_INS_FAILED = ("SignInsFailed", "Count")
    ERASURES_FINISHED = ("ErasuresFinished", "Count")
    NOTIFICATIONS_SENT = ("NotificationsSent", "Count")
    NOTIFICATIONS_FAILED = ("NotificationsFailed", "Count")
    PROVIDER_ACCESS_ERRORS = ("ProviderAccessErrors", "Count")


def record(values: Mapping[Metric, float | Decimal], *, reason: str | None = None) -> None:
    """Write the values as one EMF line; with ``reason`` also by that dimension."""
    # Lambda's service name is the stack's name (template.yaml, Globals).
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "dreamvision")
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    for metric, value in values.items():
        name, unit = metric.value
        metrics.add_metric(name=name, unit=unit, value=float(value))
    if reason is not None:
        metrics.add_dimensions(service=service, reason=reason if _REASON.fullmatch(reason) else "Other")
    metrics.flush_metrics()


def count(metric: Metric, *, reason: str | None = None) -> None:
    """Count one event."""
    record({metric: 1}, reason=reason)


def count_access_error(error: DreamVisionError) -> None:
    """Count the error if an operator has to act: a provider's key or credit. Ignore any other error."""
    if error.needs_operator:
        count(Metric.PROVIDER_ACCESS_ERRORS, reason=type(error).__name__)
