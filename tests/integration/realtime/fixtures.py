"""Every part of live updates around one database, with fake sockets and a clock that tests advance."""

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims
from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.media.links import MediaLinks
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.broadcaster import Broadcaster
from dreamvision.realtime.connections import ConnectionManager
from dreamvision.realtime.messages import MessageHandler
from dreamvision.realtime.repository import ConnectionRepository
from dreamvision.realtime.sync import SyncService
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.sockets import FakeSockets
from tests.fakes.streams import changes
from tests.fakes.video_key import MEDIA_URL, signing_key
from tests.permissions.running import running_as

LUNA = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
SOL = "c9f0f895-fb98-4b91-a5d2-6f1c2f0e1d3b"
MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", "thumbnails/t/j.webp", 1280, 720)
VIDEOS, DREAMS = "VideosTable", "DreamsTable"


class Clock:
    def __init__(self) -> None:
        self.moment = utc_now()

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


class RealtimeBackend:
    """All parts of live updates on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.sockets = FakeSockets()
        self.sessions = Sessions(database)
        self.connections = ConnectionRepository(database, "ConnectionsTable", lambda: self.clock().timestamp())
        self.manager = ConnectionManager(self.connections, self.sessions, self.sockets, self.clock)
        self.presenter = Presenter(MediaLinks(MEDIA_URL, signing_key))
        self.broadcaster = Broadcaster(self.manager, self.sockets, self.presenter, database.names)
        self.sync_service = SyncService(database, self.presenter, self.clock)
        self.handler = MessageHandler(self.sockets, self.manager, self.sessions, self.sync_service)
        self.videos, self.dreams = VideoLifecycle(database), DreamRepository(database)

    def connect(self, user_id: str, connection_id: str, session: str = "session") -> AccessClaims:
        caller = AccessClaims(user_id, session, int(time.time()), int(time.time()) + 3600)
        self.manager.register(caller, connection_id)
        return caller

    def pending_video(self, user_id: str) -> VideoRecord:
        return self.videos.add_with_dream(user_id, new_id(), new_id(), "I was flying", 5, self.clock())

    def complete_analysis(self, video: VideoRecord) -> None:
        outcome = FakeAnalyzer().analyze("I was flying")
        self.dreams.complete_analysis(video.user_id, video.dream_id, outcome, 1200, self.clock())

    def complete_video(self, video: VideoRecord) -> None:
        self.videos.complete(video, MEDIA, self.clock())

    def records_of(self, work: Callable[[], object], table: str = VIDEOS) -> list[dict[str, Any]]:
        return changes(self.database, table, work)

    def connection_ids(self, user_id: str) -> set[str]:
        return {connection.connection_id for connection in self.connections.list_by_user(user_id)}


@pytest.fixture
def backend(database: Database) -> RealtimeBackend:
    return RealtimeBackend(database)


def replies(backend: RealtimeBackend, text: str, caller: AccessClaims | None = None) -> list[dict[str, Any]]:
    before = len(backend.sockets.sent("phone"))
    caller = caller or AccessClaims(LUNA, "session", int(time.time()), int(backend.clock().timestamp()) + 3600)
    with running_as("RealtimeMessages"):
        backend.handler.handle("phone", caller, text.encode())
    return backend.sockets.sent("phone")[before:]


def sync(backend: RealtimeBackend, since: datetime | str) -> list[dict[str, Any]]:
    text = since if isinstance(since, str) else to_text(since)
    return replies(backend, json.dumps({"action": "sync", "since": text}))
