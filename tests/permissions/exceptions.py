"""Permissions that no recorded call uses, each with its reason."""

from collections.abc import Iterator, Mapping

from tests.permissions.calls import Need

_LOGS = (
    "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
    "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
)  # fmt: skip
_ASYNCHRONOUS = (
    "ExecutionStoppedFunction", "ImageUploadedFunction", "ReconcileUsersFunction", "RestartErasuresFunction",
    "SweepFunction",
)  # fmt: skip
# Stream consumers, with the tables whose streams they read and the queue of their failed batches.
_CONSUMERS = {
    "RealtimePushFunction": (("DreamsTable", "VideosTable"), "RealtimeFailures"),
    "RealtimeCloseEndedSessionsFunction": (("GuardsTable",), "RealtimeFailures"),
    "NotifyDevicesFunction": (("VideosTable",), "NotificationFailures"),
}


def _exceptions() -> Iterator[tuple[str, str, str, str]]:
    """Yield a function or state machine, an action, a resource and the reason."""
    for machine in ("DreamToVideo", "Erasure"):
        for action in _LOGS:
            # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
            yield machine, f"logs:{action}", "*", "Step Functions sets up the delivery of its logs with this role."
    for function in _ASYNCHRONOUS:
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        reason = "Lambda sends failed events to the queue with the function's role."
        yield function, "sqs:SendMessage", "<TriggerFailures.Arn>", reason
    for function, (tables, queue) in _CONSUMERS.items():
        # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
        reason = "Lambda reads the stream with the function's role; the emulator reads it without."
        for table in tables:
            for action in ("DescribeStream", "GetRecords", "GetShardIterator"):
                yield function, f"dynamodb:{action}", f"<{table}.StreamArn>", reason
            yield function, "dynamodb:ListStreams", f"<{table}.Arn>/stream/*", reason
        reason = "Lambda sends the positions of failed batches to the queue with the function's role."
        yield function, "sqs:SendMessage", f"<{queue}.Arn>", reason
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        reason = "Lambda reads the queue with the function's role; the emulator reads it without."
        yield "FollowUpNotificationsFunction", f"sqs:{action}", "<NotificationTasks.Arn>", reason
    closing = "arn:aws:execute-api:us-east-1:123456789012:<WebSocketApi>/v1/DELETE/@connections/*"
    # In e2e tests RealtimeCloseEndedSessionsFunction is faster.
    reason = "A session that ended before its message arrived: tests/integration/realtime/test_messages.py."
    yield "RealtimeMessagesFunction", "execute-api:ManageConnections", closing, reason


def _by_function() -> dict[str, dict[Need, str]]:
    found: dict[str, dict[Need, str]] = {}
    for function, action, resource, reason in _exceptions():
        found.setdefault(function, {})[Need(action, resource)] = reason
    return found


EXCEPTIONS: Mapping[str, Mapping[Need, str]] = _by_function()
"""``{function or state machine: {permission: reason}}``."""
