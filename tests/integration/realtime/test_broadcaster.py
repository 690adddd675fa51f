"""Pushing changes to connections: which clients get which messages, and what happens when sending fails."""

import json
from datetime import timedelta
from typing import Any

from dreamvision.core.clock import to_text
from dreamvision.core.ids import new_id
from dreamvision.videos.models import VideoRecord
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.streams import record
from tests.integration.realtime.fixtures import DREAMS, LUNA, SOL, VIDEOS, RealtimeBackend


def test_every_change_reaches_all_clients_of_its_user_only(backend: RealtimeBackend) -> None:
    # GIVEN two clients of Luna's and one of Sol's
    for user, connection in ((LUNA, "phone"), (LUNA, "tablet"), (SOL, "other")):
        backend.connect(user, connection)

    # WHEN her video goes from pending to completed
    def life() -> list[dict[str, Any]]:
        created: list[VideoRecord] = []
        records = backend.records_of(lambda: created.append(backend.pending_video(LUNA)))
        video = created[0]
        records += backend.records_of(lambda: backend.complete_analysis(video), DREAMS)
        records += backend.records_of(lambda: backend.videos.request_render(LUNA, video.job_id, backend.clock()))
        records += backend.records_of(
            lambda: backend.videos.record_render(LUNA, video.job_id, "task", 25, backend.clock())
        )
        started = backend.videos.get(LUNA, video.job_id)
        records += backend.records_of(lambda: backend.videos.record_progress(started, 40, None, backend.clock()))
        records += backend.records_of(lambda: backend.complete_video(started))
        return records

    assert backend.broadcaster.broadcast(life()) == set()

    # THEN both of hers receive every step once, in order, with all fields
    for connection in ("phone", "tablet"):
        messages = backend.sockets.sent(connection)
        assert [(each["type"], each.get("status"), each.get("progress")) for each in messages] == [
            ("video.updated", "pending", 0),
            ("dream.analyzed", None, None),
            # The accepted render may wait in the provider's queue, so it is no news.
            ("video.updated", "processing", 40),
            ("video.updated", "completed", 100),
        ]
        analyzed, completed = messages[1], messages[-1]
        assert analyzed["category"] == "flight"
        assert analyzed["job_id"] == completed["job_id"]
        assert analyzed["dream_id"] == completed["dream_id"]
        assert "&Signature=" in completed["video_url"]
        # The same URLs as in the API.
        assert completed["thumbnail_url"] == "https://media.example.com/t/j.jpg"
        assert completed["preview_url"] == "https://media.example.com/t/j.webp"
        assert all("updated_at" in each for each in messages)
        assert "video_url" not in messages[0]
    # AND Sol's client receives nothing
    assert backend.sockets.sent("other") == []


def test_messages_contain_nothing_internal(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    created: list[VideoRecord] = []
    records = backend.records_of(lambda: created.append(backend.pending_video(LUNA)))
    records += backend.records_of(
        lambda: backend.videos.record_render(LUNA, created[0].job_id, "task-4711", 25, backend.clock())
    )
    backend.broadcaster.broadcast(records)
    text = json.dumps(backend.sockets.sent("phone"))
    assert "task-4711" not in text
    assert created[0].media_token not in text


def test_waiting_and_failing_are_pushed(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    video, now = backend.pending_video(LUNA), backend.clock()
    backend.videos.request_render(LUNA, video.job_id, now)
    accepted = backend.videos.record_render(LUNA, video.job_id, "task", 25, now)
    records = backend.records_of(lambda: backend.videos.record_progress(accepted, 0, now, now))
    records += backend.records_of(
        lambda: backend.videos.fail(LUNA, video.job_id, "RenderDeadlineError", "It took too long.", now)
    )
    backend.broadcaster.broadcast(records)
    queued, failed = backend.sockets.sent("phone")
    assert (queued["status"], queued["queued_since"], queued["counted"]) == ("pending", to_text(now), True)
    assert "error_code" not in queued
    assert (failed["status"], failed["error_code"]) == ("failed", "timed_out")
    assert (failed["retryable"], failed["counted"]) == (True, True)
    assert "queued_since" not in failed


def test_a_dream_is_announced_once(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    video = backend.pending_video(LUNA)
    records = backend.records_of(lambda: backend.complete_analysis(video), DREAMS)
    records += backend.records_of(lambda: backend.complete_video(video), DREAMS)
    backend.broadcaster.broadcast(records)
    assert [each["type"] for each in backend.sockets.sent("phone")] == ["dream.analyzed"]


def test_a_dream_analyzed_without_a_video_is_announced(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    outcome = FakeAnalyzer().analyze("I was flying")
    records = backend.records_of(
        lambda: backend.dreams.add_analyzed(LUNA, new_id(), "I was flying", outcome, 1500, backend.clock()), DREAMS
    )
    backend.broadcaster.broadcast(records)
    (message,) = backend.sockets.sent("phone")
    assert "job_id" not in message
    assert message["updated_at"] == to_text(backend.clock() + timedelta(milliseconds=1500))


def test_deleted_rows_are_not_broadcast(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    backend.pending_video(LUNA)
    (old,) = backend.database.client.scan(TableName=VIDEOS)["Items"]
    assert backend.broadcaster.broadcast([record(VIDEOS, None, old)]) == set()
    assert backend.sockets.sent("phone") == []


def test_a_stale_connection_is_removed_and_delays_no_other(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "gone")
    backend.connect(LUNA, "phone")
    backend.clock.advance(seconds=11)
    backend.sockets.gone.add("gone")
    assert backend.broadcaster.broadcast(backend.records_of(lambda: backend.pending_video(LUNA))) == set()
    assert backend.connection_ids(LUNA) == {"phone"}
    assert len(backend.sockets.sent("phone")) == 1


def test_a_connection_in_its_handshake_is_not_removed(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "new")
    backend.clock.advance(seconds=2)
    backend.sockets.gone.add("new")
    assert backend.broadcaster.broadcast(backend.records_of(lambda: backend.pending_video(LUNA))) == set()
    assert backend.connection_ids(LUNA) == {"new"}


def test_a_failed_message_fails_alone(backend: RealtimeBackend) -> None:
    # GIVEN an unreachable client of Luna's, and a reachable one of Sol's
    backend.connect(LUNA, "phone")
    backend.connect(SOL, "other")
    backend.sockets.unreachable.add("phone")
    hers = backend.records_of(lambda: backend.pending_video(LUNA))
    his = backend.records_of(lambda: backend.pending_video(SOL))
    # WHEN a batch has records for both, and a malformed record
    broken = record(VIDEOS, {"user_id": LUNA, "job_id": "j", "status": "dancing"})
    failed = backend.broadcaster.broadcast([*hers, broken, *his])
    # THEN only the failed records are retried, and Sol's client has received its message
    assert failed == {hers[0]["dynamodb"]["SequenceNumber"], broken["dynamodb"]["SequenceNumber"]}
    assert len(backend.sockets.sent("other")) == 1


def test_messages_after_a_failure_wait_for_it(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone")
    created: list[VideoRecord] = []
    records = backend.records_of(lambda: created.append(backend.pending_video(LUNA)))
    records += backend.records_of(lambda: backend.complete_video(created[0]))
    backend.sockets.unreachable.add("phone")
    assert len(backend.broadcaster.broadcast(records)) == 2
    backend.sockets.unreachable.clear()
    assert backend.broadcaster.broadcast(records) == set()
    assert [each["status"] for each in backend.sockets.sent("phone")] == ["pending", "completed"]


def test_a_revoked_session_receives_nothing(backend: RealtimeBackend) -> None:
    backend.connect(LUNA, "phone", session="lost")
    backend.connect(LUNA, "tablet", session="kept")
    backend.sessions.revoke(LUNA, "lost")
    backend.broadcaster.broadcast(backend.records_of(lambda: backend.pending_video(LUNA)))
    assert backend.sockets.active_connections() == {"tablet"}


def test_a_batch_of_many_users_is_delivered_to_each(backend: RealtimeBackend) -> None:
    users = [new_id() for _ in range(10)]
    for user in users:
        for number in range(5):
            backend.connect(user, f"{user}/{number}")
    created: list[VideoRecord] = []
    records = backend.records_of(
        lambda: created.extend(backend.pending_video(user) for user in users for _ in range(2))
    )
    assert backend.broadcaster.broadcast(records) == set()
    for user in users:
        own = {video.job_id for video in created if video.user_id == user}
        for number in range(5):
            messages = backend.sockets.sent(f"{user}/{number}")
            assert len(messages) == 2
            assert {each["job_id"] for each in messages} == own
