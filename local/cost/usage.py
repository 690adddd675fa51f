"""What a month uses of each priced unit: an idle month, or one with a number of videos."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dreamvision.core.metrics import Metric
from local.cost.prices import assumptions, milliseconds
from local.cost.stack import HOURS, Stack
from local.settings import REPOSITORY

CAPACITY = REPOSITORY / "local" / "cost" / "capacity.json"
"""Units of DynamoDB, recorded by ``tests/integration/local/test_cost_capacity.py``."""

_GB = 1024**3
_MB_PER_GB = 1024
# The sweep reports the oldest open video and the used quota.
_IDLE_METRICS = 2
_WAKE_UPS = HOURS * 3600
# X-Ray records the first request of each second and 5 % of the others, for each function.
_SAMPLED = 0.05
_OBJECTS_PER_VIDEO = 3
_ONCE_PER_VIDEO = (
    "POST /dreams/generate-video",
    "AnalyzeDream",
    "GenerateVideo",
    "PollVideo, begun",
    "PollVideo, rendered",
    "ArchiveVideo",
    "NotifyDevices",
)
# Lambda waits for messages with five requests at a time of 20 seconds each, also while the queue is empty:
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_QUEUE_POLLS = HOURS * 3600 // 20 * 5
# A receipt is sent to the queue and deleted from it.
_QUEUE_REQUESTS_PER_VIDEO = 2


class Usage:
    """A month with ``videos`` completed videos, each of a dream of its own."""

    def __init__(self, stack: Stack, videos: int) -> None:
        self._stack = stack
        self._given = {name: each.value for name, each in assumptions().items()}
        self._polls = stack.polls(self._given["render_seconds"])
        self._capacity: dict[str, Any] = json.loads(CAPACITY.read_text())
        self.videos = videos
        self.users = videos // self._given["videos_per_user"]

    def quantities(self) -> Mapping[str, Decimal]:
        """Return the quantity of each price, by its name."""
        found = {**self._functions(), **self._data(), **self._traffic(), **self._fixed()}
        return {name: Decimal(str(quantity)) for name, quantity in found.items()}

    def invocations(self) -> dict[str, int]:
        """Return the invocations of each function."""
        given, videos, users = self._given, self.videos, self.users
        return {
            "AnalyzeDreamFunction": videos,
            "GenerateVideoFunction": videos,
            "PollVideoFunction": videos * self._polls,
            "ArchiveVideoFunction": videos,
            "ApiDreamsFunction": videos * (1 + given["list_requests"]),
            "ApiVideosFunction": videos * given["status_requests"],
            "ApiAuthFunction": users * given["session_requests"],
            "PreSignUpFunction": users,
            # At most: the requests for a profile issue no token.
            "PreTokenGenerationFunction": users * given["session_requests"],
            "RealtimeAuthorizeFunction": videos,
            "RealtimeConnectFunction": videos,
            "RealtimeDisconnectFunction": videos,
            "RealtimeMessagesFunction": videos * self._client_messages(),
            "RealtimePushFunction": videos * self._changes(),
            "ApiDevicesFunction": users * given["app_starts"],
            "NotifyDevicesFunction": videos,
            "FollowUpNotificationsFunction": videos,
            **self._stack.scheduled,
        }

    def _functions(self) -> dict[str, float]:
        invocations = self.invocations()
        seconds = {name: count * milliseconds()[name] / 1000 for name, count in invocations.items()}
        # The request that creates a video waits for its analysis.
        seconds["ApiDreamsFunction"] += self.videos * milliseconds()["AnalyzeDreamFunction"] / 1000
        total = sum(invocations.values())
        requests = self._http_requests()
        log_bytes = total * self._given["log_bytes"] + requests * self._given["access_log_bytes"]
        retention = int(self._stack.parameters["LogRetentionDays"]) / 30
        return {
            "lambda_gb_seconds": sum(each * self._stack.gigabytes(name) for name, each in seconds.items()),
            "lambda_requests": total / 1e6,
            "transitions": self.videos * len(self._stack.states(self._polls)) / 1000,
            "traces": sum(min(each, _WAKE_UPS + _SAMPLED * each) for each in invocations.values()) / 1e6,
            "log_gb": log_bytes / _GB,
            "log_storage_gb": log_bytes / _GB * retention,
        }

    def _data(self) -> dict[str, float]:
        reads, writes = self._units("read_units"), self._units("write_units")
        stored = self.videos * self._capacity["stored_bytes"] / _GB
        return {
            "write_units": writes / 1e6,
            "read_units": reads / 1e6,
            "table_gb": stored,
            "recovery_gb": stored,
        }

    def _units(self, kind: str) -> float:
        steps = {name: float(units[kind]) for name, units in self._capacity["steps"].items()}
        per_video = (
            sum(steps[name] for name in _ONCE_PER_VIDEO)
            + steps["PollVideo, progress"] * (self._polls - 2)
            + steps["GET /videos/{job_id}"] * self._given["status_requests"]
            + steps["GET /dreams"] * self._given["list_requests"]
            # The connections of the user and their sessions, for each change that is pushed; a connection's row, and
            # the count of its handshake.
            + (self._changes() + 0.5 if kind == "read_units" else 3)
        )
        devices = self.users * self._given["app_starts"] * steps["PUT /devices/{device_id}"]
        return self.videos * per_video + devices + self._stack.scheduled["SweepFunction"] * steps["Sweep"]

    def _traffic(self) -> dict[str, float]:
        given, videos = self._given, self.videos
        messages = self._changes() + 2 * self._client_messages()
        viewed = given["views"] + given["image_views"] * 2
        viewed_mb = given["video_mb"] * given["views"] + given["images_mb"] * given["image_views"]
        return {
            "http_requests": self._http_requests() / 1e6,
            "websocket_messages": videos * messages / 1e6,
            "websocket_minutes": videos * given["connection_minutes"] / 1e6,
            "active_users": self.users,
            "emails": self.users * given["mails_per_user"] / 1000,
            "media_gb": videos * (given["video_mb"] + given["images_mb"]) / _MB_PER_GB,
            "puts": videos * _OBJECTS_PER_VIDEO / 1000,
            "gets": videos * viewed / 1000,
            "viewed_gb": videos * viewed_mb / _MB_PER_GB,
            "views": videos * viewed / 1e6,
            "object_events": videos * _OBJECTS_PER_VIDEO / 1e6,
            "queue_requests": (given["dead_letters"] + _QUEUE_POLLS + videos * _QUEUE_REQUESTS_PER_VIDEO) / 1e6,
        }

    def _fixed(self) -> dict[str, float]:
        secrets = self._stack.of_type("AWS::SecretsManager::Secret")
        # One is the operator's own: the key that signs links to videos.
        return {
            "secrets": len(secrets) + 1,
            "snapshots": self._stack.snapshot_gigabytes * HOURS * 3600 / 1e6,
            "secret_reads": self.videos * self._given["secret_reads"] / 10_000,
            "alarm_metrics": self._stack.alarm_metrics,
            "dashboards": len(self._stack.of_type("AWS::CloudWatch::Dashboard")),
            "metrics": len(Metric) if self.videos else _IDLE_METRICS,
            "alarm_emails": self._given["alarm_mails"] / 1000,
        }

    def _http_requests(self) -> int:
        given = self._given
        per_video = 1 + given["status_requests"] + given["list_requests"]
        return self.videos * per_video + self.users * (given["session_requests"] + given["app_starts"])

    def _changes(self) -> int:
        """Return the changes of a video and its dream that are pushed: created, analyzed, each poll, done."""
        return 3 + self._polls

    def _client_messages(self) -> int:
        """Return a client's messages per connection: a sync, and a ping every five minutes."""
        return 1 + self._given["connection_minutes"] // 5
