"""Notifications around one database, with the sandbox of Expo's push service and a queue in memory."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.devices.repository import DeviceRepository, Session
from dreamvision.notifications.expo import ExpoClient
from dreamvision.notifications.follow_up import FollowUp
from dreamvision.notifications.messages import Outcome
from dreamvision.notifications.repository import NotificationClaims
from dreamvision.notifications.sender import NotificationSender
from dreamvision.notifications.stream import notify
from dreamvision.notifications.tasks import NotificationTasks, Task
from dreamvision.schemas.devices import DeviceRegistration, Platform
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from local.sandbox.expo.api import ExpoApi
from local.sandbox.http_server import Request
from tests.fakes.streams import changes
from tests.permissions.running import running_as

LUNA, SOL = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f", "c9f0f895-fb98-4b91-a5d2-6f1c2f0e1d3b"
SESSION = Session("a-session", 1_790_000_000)
MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", None, 1280, 720)


class ExpoSandbox:
    """The sandbox's API behind the transport of an httpx client."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.api = ExpoApi(self.stopping)
        self.requests: list[httpx.Request] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._answer))

    def fail(self, *kinds: str) -> None:
        """Let the next requests fail."""
        self.api._faults.extend([{"kind": kind, "amount": 0} for kind in kinds])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What arrived, oldest first."""
        return self.api._report("")["messages"]  # type: ignore[return-value]

    @property
    def recipients(self) -> list[str]:
        return [str(each["to"]).removeprefix("ExponentPushToken[").removesuffix("]") for each in self.messages]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self.api.handle(Request(request.method, request.url.path, {}, headers, request.content))
        if reply.reset:
            raise httpx.ReadError("connection reset")
        return httpx.Response(reply.status, content=reply.body, headers=dict(reply.headers))


class RecordedTasks(NotificationTasks):
    """A queue in memory, and the delays that were asked for."""

    def __init__(self) -> None:
        super().__init__("https://sqs.invalid/queue")
        self.added: list[tuple[Task, int]] = []
        self.delays: list[tuple[str, int]] = []
        self.broken = False

    def _add(self, task: Task, delay_seconds: int) -> None:
        if self.broken:
            raise RuntimeError("SQS is not available")
        self.added.append((task, delay_seconds))

    def delay(self, receipt_handle: str, received: int) -> None:
        self.delays.append((receipt_handle, received))


class NotificationBackend:
    """All parts of notifications."""

    def __init__(self, database: Database, expo: ExpoSandbox) -> None:
        self.database = database
        self.expo = expo
        self.devices = DeviceRepository(database)
        self.sessions = Sessions(database)
        self.tasks = RecordedTasks()
        self.claims = NotificationClaims(database)
        self.access_token: str | None = None
        self.sender = NotificationSender(self.devices, self.sessions, self.claims, self.tasks, self.client)
        self.follow_up = FollowUp(self.devices, self.sender, self.tasks, self.client)
        self.videos = VideoLifecycle(database)

    def client(self) -> ExpoClient:
        return ExpoClient("https://exp.host", self.access_token, self.expo.client)

    def register(self, user_id: str, token: str, locale: str = "en", session: Session = SESSION) -> None:
        """Register a device that is called like its token."""
        body = DeviceRegistration(push_token=f"ExponentPushToken[{token}]", platform=Platform.ANDROID, locale=locale)
        self.devices.register(user_id, token, body, session)

    def pending_video(self, user_id: str = LUNA) -> VideoRecord:
        return self.videos.add_with_dream(user_id, new_id(), new_id(), "I was flying", 5, utc_now())

    def completion(self, video: VideoRecord) -> list[dict[str, Any]]:
        """Complete a video; return the records of the stream."""
        self.videos.request_render(video.user_id, video.job_id, utc_now())
        self.videos.record_render(video.user_id, video.job_id, "task", 25, utc_now())
        started = self.videos.get(video.user_id, video.job_id)
        return changes(
            self.database,
            "VideosTable",
            lambda: self.videos.complete(started, MEDIA, utc_now() + timedelta(seconds=1)),
        )

    def notify(self, records: list[dict[str, Any]]) -> set[str]:
        """Deliver the records of the stream to the function."""
        with running_as("NotifyDevices"):
            return notify(records, self.sender, self.tasks)

    def send(self, *outcomes: Outcome) -> set[Outcome]:
        with running_as("NotifyDevices"):
            return self.sender.send(outcomes)

    def process(self, task: Task, received: int = 1) -> set[str]:
        """Deliver a task of the queue to the function."""
        record = {
            "messageId": "message",
            "receiptHandle": "handle",
            "body": task.model_dump_json(),
            "attributes": {"ApproximateReceiveCount": str(received)},
        }
        with running_as("FollowUpNotifications"):
            return self.follow_up.process([record])


def outcome(user_id: str = LUNA, status: VideoStatus = VideoStatus.COMPLETED) -> Outcome:
    return Outcome(user_id=user_id, job_id=new_id(), dream_id=new_id(), status=status)


@pytest.fixture
def expo() -> Iterator[ExpoSandbox]:
    sandbox = ExpoSandbox()
    yield sandbox
    sandbox.stopping.set()


@pytest.fixture
def backend(database: Database, expo: ExpoSandbox) -> NotificationBackend:
    return NotificationBackend(database, expo)
