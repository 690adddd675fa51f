"""The queue of notifications, as SQS and Lambda see it."""

import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from dreamvision.database.client import Database
from dreamvision.notifications.follow_up import FollowUp
from dreamvision.notifications.messages import Outcome
from dreamvision.notifications.sender import NotificationSender
from dreamvision.notifications.tasks import NotificationTasks, SentNotification
from tests.conftest import load_function
from tests.fakes.aws import ENVIRONMENT, REGION, template
from tests.integration.notifications.fixtures import LUNA, ExpoSandbox, NotificationBackend, outcome
from tests.permissions.running import running_as, running_outside

CONTEXT = SimpleNamespace(
    function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="a-request"
)
QUEUE = ENVIRONMENT["NOTIFICATION_TASKS_QUEUE"]
SENT = SentNotification(receipt_id="receipt", user_id=LUNA, device_id="phone", token_digest="0" * 32)


@pytest.fixture
def queue(database: Database) -> Any:
    """The queue with its declared timeout."""
    client = boto3.client("sqs", region_name=REGION)
    declared = template()["Resources"]["NotificationTasks"]["Properties"]
    timeout = str(declared["VisibilityTimeout"])
    created = client.create_queue(QueueName="NotificationTasks", Attributes={"VisibilityTimeout": timeout})
    assert created["QueueUrl"] == QUEUE
    return client


def test_tasks_are_delayed(queue: Any) -> None:
    tasks = NotificationTasks(QUEUE)
    with running_as("NotifyDevices"):
        tasks.send_again(outcome())
        tasks.check_receipts([SENT])
    with running_as("FollowUpNotifications"):
        tasks.check_receipts([SENT], last=True)
    attributes = queue.get_queue_attributes(QueueUrl=QUEUE, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesDelayed"] == "3"
    assert attributes["ApproximateNumberOfMessages"] == "0"


def test_a_failed_task_is_received_again_later_each_time(queue: Any) -> None:
    tasks = NotificationTasks(QUEUE)
    queue.send_message(QueueUrl=QUEUE, MessageBody="{}")
    (message,) = queue.receive_message(QueueUrl=QUEUE)["Messages"]
    seconds: list[int] = []
    tasks._client.meta.events.register(
        "provide-client-params.sqs.ChangeMessageVisibility",
        lambda params, **_: seconds.append(params["VisibilityTimeout"]),
    )
    with running_as("FollowUpNotifications"):
        for received in range(1, 9):
            tasks.delay(message["ReceiptHandle"], received)
    assert seconds == [30, 60, 120, 240, 480, 600, 600, 600]


def event_of(body: str) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": "message",
                "receiptHandle": "no-such-handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
        ]
    }


def test_the_functions_answer_which_records_failed(
    queue: Any, backend: NotificationBackend, expo: ExpoSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = NotificationTasks(QUEUE)
    sender = NotificationSender(backend.devices, backend.sessions, backend.claims, tasks, backend.client)
    monkeypatch.setattr(NotificationTasks, "shared", lambda: tasks)
    monkeypatch.setattr(NotificationSender, "shared", lambda: sender)
    follow_up_service = FollowUp(backend.devices, sender, tasks, backend.client)
    monkeypatch.setattr(FollowUp, "shared", lambda: follow_up_service)
    with running_outside():
        backend.register(LUNA, "phone")
        records = backend.completion(backend.pending_video())
    notify, follow_up = load_function("triggers/notify_devices"), load_function("triggers/follow_up_notifications")
    assert notify.handler({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert expo.recipients == ["phone"]
    # A message that cannot be parsed, whose visibility cannot be changed either.
    failed = follow_up.handler(event_of(json.dumps({"kind": "unknown"})), CONTEXT)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "message"}]}
    task = {"kind": "send", "outcome": outcome().model_dump(mode="json")}
    assert follow_up.handler(event_of(json.dumps(task)), CONTEXT) == {"batchItemFailures": []}
    assert expo.recipients == ["phone", "phone"]
    assert Outcome.model_validate(task["outcome"]).user_id == LUNA
