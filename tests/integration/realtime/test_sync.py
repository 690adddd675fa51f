"""``sync``: the current state of everything that changed since a moment."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.core.clock import to_text
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.models import AnalyzedDream
from dreamvision.realtime.events import build_event
from dreamvision.realtime.stream import Change, change_in
from dreamvision.realtime.sync import LOOK_BACK
from dreamvision.schemas.realtime import DreamAnalyzed
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.models import VideoOptions
from tests.fakes.claude import GOOD_PROMPT, GOOD_TITLE
from tests.integration.realtime.fixtures import DREAMS, LUNA, SOL, VIDEOS, RealtimeBackend, sync


def test_sync_returns_the_current_state_of_everything_changed_since(backend: RealtimeBackend) -> None:
    # GIVEN an old video, then the time of the sync, then a completed video and a pending one
    old = backend.pending_video(LUNA)
    backend.clock.advance(hours=1)
    since = backend.clock()
    backend.clock.advance(minutes=5)
    finished = backend.pending_video(LUNA)
    backend.clock.advance(seconds=3)
    backend.complete_analysis(finished)
    backend.clock.advance(seconds=60)
    backend.complete_video(finished)
    backend.clock.advance(seconds=10)
    begun = backend.pending_video(LUNA)
    backend.pending_video(SOL)

    # WHEN a client syncs
    *events, end = sync(backend, since)

    # THEN it gets each of its user's changes once, the oldest first
    assert [(each["type"], each.get("job_id"), each.get("status")) for each in events] == [
        ("dream.analyzed", finished.job_id, None),
        ("video.updated", finished.job_id, "completed"),
        ("video.updated", begun.job_id, "pending"),
    ]
    assert "&Signature=" in events[1]["video_url"]
    assert end == {"type": "synced", "count": 3, "truncated": False, "next_since": to_text(backend.clock())}
    assert old.job_id not in json.dumps(events)


def test_a_change_that_became_visible_late_is_not_missed(backend: RealtimeBackend) -> None:
    # GIVEN a row with an earlier time than the last message of the client, written after it
    stamped = backend.clock()
    backend.clock.advance(seconds=20)
    seen = backend.clock()
    late = backend.videos.add_with_dream(LUNA, new_id(), new_id(), "I was flying", 5, stamped)
    *events, _ = sync(backend, seen)
    assert [each["job_id"] for each in events] == [late.job_id]


@pytest.mark.parametrize("step", [timedelta(milliseconds=1), timedelta(seconds=1), timedelta(hours=1)])
def test_many_changes_are_complete_over_several_replies(
    backend: RealtimeBackend, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 6
    monkeypatch.setattr("dreamvision.realtime.sync.MAX_EVENTS", most)
    since = backend.clock()
    created = set()
    for _ in range(most * 2 + 3):
        created.add(backend.pending_video(LUNA).job_id)
        backend.clock.moment += step
    found: set[str] = set()
    moment: datetime | str = since
    for _ in range(4):
        *events, end = sync(backend, moment)
        assert end["count"] == len(events) <= most
        found |= {each["job_id"] for each in events}
        moment = end["next_since"]
        if not end["truncated"]:
            break
    assert found == created
    assert end["next_since"] == to_text(backend.clock())


def test_sync_accepts_any_past_time_and_time_zone(backend: RealtimeBackend) -> None:
    created = backend.pending_video(LUNA)
    for since in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59.999999-12:00"):
        *events, _ = sync(backend, since)
        assert [each["job_id"] for each in events] == [created.job_id]
    *_, end = sync(backend, backend.clock().astimezone(UTC) + LOOK_BACK)
    assert end["type"] == "synced"


def test_failed_videos_are_synced(backend: RealtimeBackend) -> None:
    video = backend.pending_video(LUNA)
    backend.videos.fail(LUNA, video.job_id, "RenderDeadlineError", "It took too long.", backend.clock())
    *events, _ = sync(backend, backend.clock())
    assert events[0]["status"] == VideoStatus.FAILED
    assert events[0]["error_message"] == "It took too long."


def test_events_carry_title_shape_seed_and_prompt(backend: RealtimeBackend) -> None:
    since = backend.clock()
    options = VideoOptions(AspectRatio.PORTRAIT, seed=7, video_prompt=GOOD_PROMPT)
    video = backend.videos.add_with_dream(LUNA, new_id(), new_id(), "I was flying", 5, backend.clock(), options=options)
    backend.clock.advance(seconds=3)
    backend.complete_analysis(video)

    updated, analyzed, _ = sync(backend, since)

    assert (updated["aspect_ratio"], updated["seed"], updated["video_prompt"]) == ("9:16", 7, GOOD_PROMPT)
    assert (analyzed["title"], analyzed["aspect_ratio"]) == (GOOD_TITLE, "9:16")
    # AND so do those that are pushed
    pushed = backend.records_of(lambda: backend.complete_analysis(backend.pending_video(LUNA)), DREAMS)
    (change,) = [change for each in pushed if isinstance(change := _change(backend, each), AnalyzedDream)]
    event = build_event(change, backend.presenter)
    assert isinstance(event, DreamAnalyzed)
    assert (event.title, event.aspect_ratio) == (GOOD_TITLE, "16:9")


def test_the_analysis_of_a_dream_from_before_is_named_by_its_beginning(backend: RealtimeBackend) -> None:
    since = backend.clock()
    video = backend.pending_video(LUNA)
    backend.complete_analysis(video)
    backend.database.client.update_item(
        TableName=DREAMS,
        Key={"user_id": LUNA, "dream_id": video.dream_id},
        UpdateExpression="REMOVE title, aspect_ratio",
    )
    (analyzed,) = [each for each in sync(backend, since) if each["type"] == "dream.analyzed"]
    assert (analyzed["title"], analyzed["aspect_ratio"]) == ("I was flying", "16:9")


# The row is read after the index.
def test_a_dream_that_is_deleted_during_a_sync_is_reported_as_the_index_has_it(
    backend: RealtimeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = backend.clock()
    video = backend.pending_video(LUNA)
    backend.complete_analysis(video)
    monkeypatch.setattr(Database, "batch_get", lambda self, keys: {table: [] for table in keys})
    (analyzed,) = [each for each in sync(backend, since) if each["type"] == "dream.analyzed"]
    assert analyzed["video_prompt"] == GOOD_PROMPT
    assert "title" not in analyzed


# The status that follows a moment later shows it: a message more for each video would say nothing new.
def test_the_prompt_alone_is_no_change(backend: RealtimeBackend) -> None:
    video = backend.pending_video(LUNA)
    records = backend.records_of(
        lambda: backend.videos.request_render(LUNA, video.job_id, backend.clock(), GOOD_PROMPT), VIDEOS
    )
    assert [_change(backend, each) for each in records] == [None]


def _change(backend: RealtimeBackend, record: dict[str, Any]) -> Change | None:
    return change_in(record, backend.database.names)
