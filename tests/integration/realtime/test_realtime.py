"""Live updates with the tables of template.yaml: who is told what, who is not, and what a client has missed."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import AccessClaims
from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.media.links import MediaLinks
from dreamvision.media.storage import MediaStore
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.broadcaster import Broadcaster
from dreamvision.realtime.connections import MAX_CONNECTIONS, ConnectionManager, TooManyConnectionsError
from dreamvision.realtime.messages import MessageHandler
from dreamvision.realtime.repository import LIFETIME_SECONDS, ConnectionRepository
from dreamvision.realtime.sync import LOOK_BACK, SyncService
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from tests.fakes.aws import MEDIA_BUCKET
from tests.fakes.claude import FakeAnalyst
from tests.fakes.sockets import FakeSockets
from tests.fakes.streams import changes, guard_record, record

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


class World:
    """All parts of live updates around one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.sockets = FakeSockets()
        self.sessions = Sessions(database)
        self.connections = ConnectionRepository(database, "ConnectionsTable", lambda: self.clock().timestamp())
        self.switchboard = ConnectionManager(self.connections, self.sessions, self.sockets, self.clock)
        self.views = Presenter(MediaLinks(MediaStore(MEDIA_BUCKET), "https://media.example.com"))
        self.push = Broadcaster(self.switchboard, self.sockets, self.views, database.names)
        self.sync = SyncService(database, self.views, self.clock)
        self.conversation = MessageHandler(self.sockets, self.switchboard, self.sessions, self.sync)
        self.videos, self.dreams = VideoLifecycle(database), DreamRepository(database)

    def connect(self, user_id: str, connection_id: str, session: str = "session") -> AccessClaims:
        caller = AccessClaims(user_id, session, int(time.time()))
        self.switchboard.register(caller, connection_id)
        return caller

    def tell(self, user_id: str) -> VideoRecord:
        return self.videos.add_with_dream(user_id, new_id(), new_id(), "I was flying", 5, self.clock())

    def analyze(self, video: VideoRecord) -> None:
        outcome = FakeAnalyst().analyze("I was flying")
        self.dreams.complete_analysis(video.user_id, video.dream_id, outcome, 1200, self.clock())

    def complete(self, video: VideoRecord) -> None:
        self.videos.complete(video, MEDIA, self.clock())

    def changes(self, work: Callable[[], object], table: str = VIDEOS) -> list[dict[str, Any]]:
        return changes(self.database, table, work)

    def ids(self, user_id: str) -> set[str]:
        return {connection.connection_id for connection in self.connections.list_by_user(user_id)}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


# -------------------------------------------------------------------- pushing


def test_a_videos_life_reaches_every_client_of_its_user_and_nobody_else(world: World) -> None:
    # GIVEN two clients of Luna's and one of Sol's
    for user, connection in ((LUNA, "phone"), (LUNA, "tablet"), (SOL, "other")):
        world.connect(user, connection)

    # WHEN her video goes all its way
    def life() -> list[dict[str, Any]]:
        told: list[VideoRecord] = []
        records = world.changes(lambda: told.append(world.tell(LUNA)))
        video = told[0]
        records += world.changes(lambda: world.analyze(video), DREAMS)
        records += world.changes(lambda: world.videos.request_render(LUNA, video.job_id, world.clock()))
        records += world.changes(lambda: world.videos.record_render(LUNA, video.job_id, "task", 25, world.clock()))
        started = world.videos.get(LUNA, video.job_id)
        records += world.changes(lambda: world.videos.record_progress(started, 40, None, world.clock()))
        records += world.changes(lambda: world.complete(started))
        return records

    assert world.push.broadcast(life()) == set()

    # THEN both of hers hear of every step, in order, once, with what they need
    for connection in ("phone", "tablet"):
        messages = world.sockets.sent(connection)
        assert [(each["type"], each.get("status"), each.get("progress")) for each in messages] == [
            ("video.updated", "pending", 0),
            ("dream.analyzed", None, None),
            # Both steps of the processing were in one batch: the last one counts.
            ("video.updated", "processing", 40),
            ("video.updated", "completed", 100),
        ]
        analyzed, completed = messages[1], messages[-1]
        assert analyzed["category"] == "flight"
        assert analyzed["job_id"] == completed["job_id"]
        assert analyzed["dream_id"] == completed["dream_id"]
        assert "X-Amz-Signature" in completed["video_url"]
        # The very links that the API gives.
        assert completed["thumbnail_url"] == "https://media.example.com/t/j.jpg"
        assert completed["preview_url"] == "https://media.example.com/t/j.webp"
        assert all("updated_at" in each for each in messages)
        assert "video_url" not in messages[0]
    # AND Sol hears nothing
    assert world.sockets.sent("other") == []


def test_nothing_internal_leaves_the_table(world: World) -> None:
    world.connect(LUNA, "phone")
    told: list[VideoRecord] = []
    records = world.changes(lambda: told.append(world.tell(LUNA)))
    records += world.changes(lambda: world.videos.record_render(LUNA, told[0].job_id, "task-4711", 25, world.clock()))
    world.push.broadcast(records)
    text = json.dumps(world.sockets.sent("phone"))
    assert "task-4711" not in text
    assert told[0].media_token not in text


def test_a_dream_is_announced_once_however_its_row_changes_later(world: World) -> None:
    world.connect(LUNA, "phone")
    video = world.tell(LUNA)
    records = world.changes(lambda: world.analyze(video), DREAMS)
    records += world.changes(lambda: world.complete(video), DREAMS)
    world.push.broadcast(records)
    assert [each["type"] for each in world.sockets.sent("phone")] == ["dream.analyzed"]


def test_a_dream_that_was_analysed_at_once_is_announced(world: World) -> None:
    world.connect(LUNA, "phone")
    outcome = FakeAnalyst().analyze("I was flying")
    records = world.changes(
        lambda: world.dreams.add_analyzed(LUNA, new_id(), "I was flying", outcome, 1500, world.clock()), DREAMS
    )
    world.push.broadcast(records)
    (message,) = world.sockets.sent("phone")
    assert "job_id" not in message
    assert message["updated_at"] == to_text(world.clock() + timedelta(milliseconds=1500))


def test_deleted_rows_say_nothing(world: World) -> None:
    world.connect(LUNA, "phone")
    world.tell(LUNA)
    (old,) = world.database.client.scan(TableName=VIDEOS)["Items"]
    assert world.push.broadcast([record(VIDEOS, None, old)]) == set()
    assert world.sockets.sent("phone") == []


def test_a_gone_connection_is_forgotten_and_holds_up_nobody(world: World) -> None:
    world.connect(LUNA, "gone")
    world.connect(LUNA, "phone")
    world.clock.advance(seconds=11)
    world.sockets.gone.add("gone")
    assert world.push.broadcast(world.changes(lambda: world.tell(LUNA))) == set()
    assert world.ids(LUNA) == {"phone"}
    assert len(world.sockets.sent("phone")) == 1


def test_a_connection_in_its_handshake_is_not_taken_for_gone(world: World) -> None:
    world.connect(LUNA, "new")
    world.clock.advance(seconds=2)
    world.sockets.gone.add("new")
    assert world.push.broadcast(world.changes(lambda: world.tell(LUNA))) == set()
    assert world.ids(LUNA) == {"new"}


def test_what_cannot_be_sent_fails_alone(world: World) -> None:
    # GIVEN a client of Luna's that cannot be reached, and one of Sol's that can
    world.connect(LUNA, "phone")
    world.connect(SOL, "other")
    world.sockets.unreachable.add("phone")
    hers = world.changes(lambda: world.tell(LUNA))
    his = world.changes(lambda: world.tell(SOL))
    # WHEN a batch has something for both, and a record that cannot be read
    broken = record(VIDEOS, {"user_id": LUNA, "job_id": "j", "status": "dancing"})
    failed = world.push.broadcast([*hers, broken, *his])
    # THEN only what failed is tried again, and he has got his
    assert failed == {hers[0]["dynamodb"]["SequenceNumber"], broken["dynamodb"]["SequenceNumber"]}
    assert len(world.sockets.sent("other")) == 1


def test_what_follows_a_failure_waits_for_it(world: World) -> None:
    world.connect(LUNA, "phone")
    told: list[VideoRecord] = []
    records = world.changes(lambda: told.append(world.tell(LUNA)))
    records += world.changes(lambda: world.complete(told[0]))
    world.sockets.unreachable.add("phone")
    assert len(world.push.broadcast(records)) == 2
    world.sockets.unreachable.clear()
    assert world.push.broadcast(records) == set()
    assert [each["status"] for each in world.sockets.sent("phone")] == ["pending", "completed"]


def test_a_logged_out_session_hears_nothing_more(world: World) -> None:
    world.connect(LUNA, "phone", session="lost")
    world.connect(LUNA, "tablet", session="kept")
    world.sessions.revoke(LUNA, "lost")
    world.push.broadcast(world.changes(lambda: world.tell(LUNA)))
    assert world.sockets.active_connections() == {"tablet"}


def test_a_batch_of_many_users_goes_to_each_their_own(world: World) -> None:
    users = [new_id() for _ in range(10)]
    for user in users:
        for number in range(5):
            world.connect(user, f"{user}/{number}")
    told: list[VideoRecord] = []
    records = world.changes(lambda: told.extend(world.tell(user) for user in users for _ in range(2)))
    assert world.push.broadcast(records) == set()
    for user in users:
        own = {video.job_id for video in told if video.user_id == user}
        for number in range(5):
            messages = world.sockets.sent(f"{user}/{number}")
            assert len(messages) == 2
            assert {each["job_id"] for each in messages} == own


# -------------------------------------------------------------------- connecting


def test_a_connections_row_expires_after_its_longest_life(world: World) -> None:
    world.connect(LUNA, "phone")
    (row,) = world.database.client.scan(TableName="ConnectionsTable")["Items"]
    assert int(str(row["expires_at"])) == int(world.clock().timestamp()) + LIFETIME_SECONDS
    assert LIFETIME_SECONDS == 2 * 3600 + 600
    world.clock.advance(hours=2, minutes=10, seconds=1)
    assert world.ids(LUNA) == set()


def test_the_twenty_first_connection_is_refused(world: World) -> None:
    for number in range(MAX_CONNECTIONS):
        world.connect(LUNA, f"c{number}")
    with pytest.raises(TooManyConnectionsError):
        world.connect(LUNA, "one-more")
    assert "one-more" not in world.ids(LUNA)
    assert len(world.ids(LUNA)) == MAX_CONNECTIONS
    world.connect(SOL, "his")


def test_connections_that_are_gone_make_room(world: World) -> None:
    for number in range(MAX_CONNECTIONS):
        world.connect(LUNA, f"c{number}")
    world.clock.advance(minutes=1)
    world.sockets.gone |= {"c3", "c4"}
    world.connect(LUNA, "one-more")
    assert world.ids(LUNA) >= {"one-more", "c0"}
    assert not world.ids(LUNA) & {"c3", "c4"}


def test_logging_out_hangs_up(world: World) -> None:
    world.connect(LUNA, "phone", session="lost")
    world.connect(LUNA, "tablet", session="kept")
    world.connect(SOL, "other", session="lost")
    world.sessions.revoke(LUNA, "lost")
    assert world.switchboard.close_revoked(LUNA) == 1
    assert world.sockets.closed == ["phone"]
    assert (world.ids(LUNA), world.ids(SOL)) == ({"tablet"}, {"other"})


def test_logging_out_everywhere_hangs_up_everywhere(world: World) -> None:
    for number in range(3):
        world.connect(LUNA, f"c{number}", session=f"s{number}")
    world.sessions.revoke_all(LUNA)
    assert world.switchboard.close_revoked(LUNA) == 3
    assert world.ids(LUNA) == set()


def test_only_guards_of_sessions_name_a_user() -> None:
    from dreamvision.realtime.stream import users_of_sessions

    records = [guard_record(f"sessions#{LUNA}"), guard_record(f"rate#{SOL}#17"), guard_record(f"sessions#{LUNA}")]
    assert users_of_sessions(records) == {LUNA}


# -------------------------------------------------------------------- conversing


def answers(world: World, text: str, caller: AccessClaims | None = None) -> list[dict[str, Any]]:
    before = len(world.sockets.sent("phone"))
    world.conversation.handle("phone", caller or AccessClaims(LUNA, "session", int(time.time())), text)
    return world.sockets.sent("phone")[before:]


def sync(world: World, since: datetime | str) -> list[dict[str, Any]]:
    text = since if isinstance(since, str) else to_text(since)
    return answers(world, json.dumps({"action": "sync", "since": text}))


def test_ping(world: World) -> None:
    assert answers(world, '{"action": "ping"}') == [{"type": "pong"}]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("hello", "malformed"),
        ("[]", "malformed"),
        ('"ping"', "malformed"),
        ("null", "malformed"),
        ("[" * 4000, "malformed"),
        ("{}", "unknown_action"),
        ('{"action": null}', "unknown_action"),
        ('{"action": "PING"}', "unknown_action"),
        ('{"action": ["ping"]}', "unknown_action"),
        ('{"action": "sync"}', "invalid_since"),
        ('{"action": "sync", "since": 1795403000}', "invalid_since"),
        ('{"action": "sync", "since": "yesterday"}', "invalid_since"),
        ('{"action": "sync", "since": "2026-11-23T03:04:05"}', "invalid_since"),
        ('{"action": "sync", "since": "2999-01-01T00:00:00Z"}', "invalid_since"),
        ('{"action": "sync", "since": {"$gt": ""}}', "invalid_since"),
        ('{"action": "sync", "since": "\\ud83d"}', "invalid_since"),
        ('{"action": "ping", "x": "' + "y" * 4096 + '"}', "too_large"),
        ("ü" * 2049, "too_large"),
    ],
)
def test_messages_that_mean_nothing(world: World, text: str, code: str) -> None:
    (answer,) = answers(world, text)
    assert answer["type"] == "error"
    assert answer["code"] == code
    assert answer["message"].endswith(".")


def test_a_failure_of_ours_is_said_without_its_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError(f"the secret of {LUNA}")

    monkeypatch.setattr(world.sync, "since", explode)
    (answer,) = sync(world, world.clock())
    assert answer["code"] == "unavailable"
    assert LUNA not in json.dumps(answer)


def test_a_client_that_left_before_its_answer_is_forgotten(world: World) -> None:
    world.connect(LUNA, "phone")
    world.sockets.gone.add("phone")
    assert answers(world, '{"action": "ping"}') == []
    assert world.ids(LUNA) == set()


def test_a_logged_out_session_gets_no_answer_but_the_end(world: World) -> None:
    caller = world.connect(LUNA, "phone")
    world.tell(LUNA)
    world.sessions.revoke(LUNA, "session")
    asked = json.dumps({"action": "sync", "since": to_text(world.clock())})
    assert answers(world, asked, caller) == []
    assert world.sockets.closed == ["phone"]
    assert world.ids(LUNA) == set()


# -------------------------------------------------------------------- sync


def test_sync_tells_the_present_state_of_what_changed_since(world: World) -> None:
    # GIVEN an old video, then a moment, then a video that goes all its way and one that has just begun
    old = world.tell(LUNA)
    world.clock.advance(hours=1)
    since = world.clock()
    world.clock.advance(minutes=5)
    finished = world.tell(LUNA)
    world.clock.advance(seconds=3)
    world.analyze(finished)
    world.clock.advance(seconds=60)
    world.complete(finished)
    world.clock.advance(seconds=10)
    begun = world.tell(LUNA)
    world.tell(SOL)

    # WHEN a client asks for what it missed
    *events, end = sync(world, since)

    # THEN it gets each once, oldest change first, and nobody else's
    assert [(each["type"], each.get("job_id"), each.get("status")) for each in events] == [
        ("dream.analyzed", finished.job_id, None),
        ("video.updated", finished.job_id, "completed"),
        ("video.updated", begun.job_id, "pending"),
    ]
    assert "X-Amz-Signature" in events[1]["video_url"]
    assert end == {"type": "synced", "count": 3, "truncated": False, "next_since": to_text(world.clock())}
    assert old.job_id not in json.dumps(events)


def test_a_change_that_became_visible_late_is_not_missed(world: World) -> None:
    # GIVEN a row that was stamped before what the client has seen last, and written after it
    stamped = world.clock()
    world.clock.advance(seconds=20)
    seen = world.clock()
    late = world.videos.add_with_dream(LUNA, new_id(), new_id(), "I was flying", 5, stamped)
    *events, _ = sync(world, seen)
    assert [each["job_id"] for each in events] == [late.job_id]


@pytest.mark.parametrize("step", [timedelta(milliseconds=1), timedelta(seconds=1), timedelta(hours=1)])
def test_too_much_for_one_answer_comes_in_several_and_is_complete(
    world: World, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 6
    monkeypatch.setattr("dreamvision.realtime.sync.MAX_EVENTS", most)
    since = world.clock()
    told = set()
    for _ in range(most * 2 + 3):
        told.add(world.tell(LUNA).job_id)
        world.clock.moment += step
    found: set[str] = set()
    moment: datetime | str = since
    for _ in range(4):
        *events, end = sync(world, moment)
        assert end["count"] == len(events) <= most
        found |= {each["job_id"] for each in events}
        moment = end["next_since"]
        if not end["truncated"]:
            break
    assert found == told
    assert end["next_since"] == to_text(world.clock())


def test_any_moment_of_the_past_and_any_zone(world: World) -> None:
    told = world.tell(LUNA)
    for since in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59.999999-12:00"):
        *events, _ = sync(world, since)
        assert [each["job_id"] for each in events] == [told.job_id]
    *_, end = sync(world, world.clock().astimezone(UTC) + LOOK_BACK)
    assert end["type"] == "synced"


def test_failed_and_cancelled_videos_are_told_too(world: World) -> None:
    video = world.tell(LUNA)
    world.videos.fail(LUNA, video.job_id, "RenderDeadlineError", "It took too long.", world.clock())
    *events, _ = sync(world, world.clock())
    assert events[0]["status"] == VideoStatus.FAILED
    assert events[0]["error_message"] == "It took too long."
