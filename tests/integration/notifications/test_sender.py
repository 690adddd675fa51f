"""Notifications: who gets which, once, and what happens when Expo does not accept them."""

import json
from typing import Any

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.devices.repository import Session
from dreamvision.notifications.expo import MAX_MESSAGES
from dreamvision.notifications.tasks import CheckReceipts, SendAgain
from dreamvision.schemas.videos import VideoStatus
from local.sandbox import EXPO_TOKEN
from tests.fakes.emf import samples
from tests.fakes.streams import changes, record
from tests.integration.ministack import guard_items
from tests.integration.notifications.fixtures import LUNA, SOL, ExpoSandbox, NotificationBackend, outcome


def failures(captured: str) -> dict[str, float]:
    found = [each for each in samples(captured) if each.name == "NotificationsFailed"]
    return {each.dimensions["reason"]: sum(each.values) for each in found if "reason" in each.dimensions}


def test_a_completed_video_reaches_the_devices_of_its_user(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    # GIVEN a phone and a tablet of Luna's, and a device of Sol's
    backend.register(LUNA, "phone", "de-AT")
    backend.register(LUNA, "tablet")
    backend.register(SOL, "other")
    video = backend.pending_video()

    # WHEN her video is completed, and the stream delivers its records twice
    records = backend.completion(video)
    assert backend.notify(records) == backend.notify(records) == set()

    # THEN each of hers is notified once, in its language, with ids and not a word of the dream
    assert sorted(expo.recipients) == ["phone", "tablet"]
    by_device = dict(zip(expo.recipients, expo.messages, strict=True))
    assert by_device["phone"]["body"] == "Dein Video ist fertig."
    assert by_device["tablet"]["body"] == "Your video is ready."
    for each in expo.messages:
        assert each["title"] == "DreamVision"
        assert each["data"] == {"type": "video.completed", "job_id": video.job_id, "dream_id": video.dream_id}
        assert "flying" not in json.dumps(each)
    # AND their receipts are read a quarter of an hour later
    ((task, delay),) = backend.tasks.added
    assert isinstance(task, CheckReceipts)
    assert delay == 900
    assert {each.device_id for each in task.sent} == {"phone", "tablet"}
    assert "ExponentPushToken" not in task.model_dump_json()


def test_a_failed_video_does_so_too_and_a_cancelled_one_does_not(
    backend: NotificationBackend, expo: ExpoSandbox
) -> None:
    backend.register(LUNA, "phone", "fr")
    failing, cancelled = backend.pending_video(), backend.pending_video()
    work = (
        lambda: backend.videos.fail(LUNA, failing.job_id, "RenderBusyError", "Try again.", utc_now()),
        lambda: backend.videos.cancel(LUNA, cancelled.job_id, utc_now()),
    )
    for each in work:
        assert backend.notify(changes(backend.database, "VideosTable", each)) == set()
    (message,) = expo.messages
    assert message["body"] == "Votre vidéo n'a pas pu être créée."
    assert message["data"]["type"] == "video.failed"
    assert message["data"]["job_id"] == failing.job_id


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"status": "completed"}, None),
        (None, {"status": "completed"}),
        ({"status": "completed"}, {"status": "completed"}),
        ({"status": "processing"}, {"status": "pending"}),
        ({"status": "completed", "user_id": f"erasing#{LUNA}"}, {"status": "processing"}),
    ],
)
def test_other_changes_notify_nobody(
    backend: NotificationBackend, expo: ExpoSandbox, new: dict[str, Any] | None, old: dict[str, Any] | None
) -> None:
    backend.register(LUNA, "phone")
    ids = {"user_id": LUNA, "job_id": "job", "dream_id": "dream"}
    rows = [None if row is None else {**ids, **row} for row in (new, old)]
    assert backend.notify([record("VideosTable", *rows)]) == set()
    assert expo.messages == []


def test_a_device_of_an_ended_session_is_not_notified(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "lost", session=Session("lost", 1_790_000_000))
    backend.register(LUNA, "kept")
    backend.sessions.revoke(LUNA, "lost")
    backend.send(outcome())
    assert expo.recipients == ["kept"]
    backend.sessions.revoke_all(LUNA)
    backend.send(outcome())
    assert expo.recipients == ["kept"]


def test_a_request_has_at_most_a_hundred_messages(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    for number in range(10):
        backend.register(LUNA, f"device-{number}")
    assert backend.send(*(outcome() for _ in range(11))) == set()
    assert [len(json.loads(each.content)) for each in expo.requests] == [MAX_MESSAGES, 10]
    assert len(expo.messages) == 110


@pytest.mark.parametrize("kind", ["rate_limit", "error", "unavailable", "auth"])
def test_what_expo_did_not_accept_is_sent_again(backend: NotificationBackend, expo: ExpoSandbox, kind: str) -> None:
    backend.register(LUNA, "phone")
    records = backend.completion(backend.pending_video())
    expo.fail(kind)
    assert backend.notify(records) == set()
    assert expo.messages == []
    ((task, delay),) = backend.tasks.added
    assert isinstance(task, SendAgain)
    assert delay == 10
    assert backend.process(task) == set()
    assert backend.process(task) == set()
    assert expo.recipients == ["phone"]


def test_what_keeps_failing_is_delayed_more_and_more(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    task = SendAgain(outcome=outcome())
    for received in (1, 2):
        expo.fail("unavailable")
        assert backend.process(task, received) == {"message"}
    assert backend.tasks.delays == [("handle", 1), ("handle", 2)]


@pytest.mark.parametrize("kind", ["cut", "timeout"])
def test_a_lost_reply_is_not_repeated(
    backend: NotificationBackend, expo: ExpoSandbox, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Expo has accepted the message, so that repeating it would notify the user twice.
    backend.register(LUNA, "phone")
    finished = outcome()
    expo.stopping.set()
    expo.fail(kind)
    assert backend.send(finished) == set()
    assert backend.send(finished) == set()
    assert expo.recipients == ["phone"]
    assert failures(capsys.readouterr().out) == {"PushOutcomeUnknownError": 1}


def test_a_token_of_another_project_keeps_nobody_else_from_being_notified(
    backend: NotificationBackend, expo: ExpoSandbox
) -> None:
    backend.register(SOL, "foreign-1")
    backend.register(SOL, "mixed")
    backend.register(LUNA, "phone")
    assert backend.send(outcome(SOL), outcome(LUNA)) == set()
    assert expo.recipients == ["phone"]


def test_an_uninstalled_app_is_removed(
    backend: NotificationBackend, expo: ExpoSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.register(LUNA, "unregistered-1")
    backend.register(LUNA, "phone")
    assert backend.send(outcome()) == set()
    assert list(backend.devices.list_by_user(LUNA)) == ["phone"]
    assert failures(capsys.readouterr().out) == {"DeviceNotRegistered": 1}


def test_the_last_device_of_a_user_is_removed(backend: NotificationBackend) -> None:
    backend.register(LUNA, "unregistered-1")
    assert backend.send(outcome()) == set()
    assert not backend.devices.list_by_user(LUNA)


def test_an_access_token_is_sent(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    backend.access_token = EXPO_TOKEN
    assert backend.send(outcome()) == set()
    assert expo.requests[0].headers["authorization"] == f"Bearer {EXPO_TOKEN}"
    backend.access_token = "wrong"
    finished = outcome()
    assert backend.send(finished) == {finished}


def test_records_are_delivered_again_if_the_queue_fails(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    records = backend.completion(backend.pending_video())
    expo.fail("unavailable")
    backend.tasks.broken = True
    assert backend.notify(records) == {str(records[0]["dynamodb"]["SequenceNumber"])}
    # The next delivery succeeds; that the receipts cannot be queued does not repeat it.
    assert backend.notify(records) == set()
    assert expo.recipients == ["phone"]


def test_a_malformed_record_fails_alone(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    records = backend.completion(backend.pending_video())
    broken = record("VideosTable", {"user_id": LUNA, "job_id": "job"}, {"user_id": LUNA, "job_id": "job"})
    assert backend.notify([broken, *records]) == {str(broken["dynamodb"]["SequenceNumber"])}
    assert expo.recipients == ["phone"]


def test_nothing_is_stored_for_a_user_without_devices(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    before = guard_items(backend.database)
    assert backend.send(outcome(status=VideoStatus.FAILED)) == set()
    assert guard_items(backend.database) == before
    assert expo.requests == []


def test_a_claim_names_no_user_and_expires(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    finished = outcome()
    backend.send(finished)
    guards = {guard: each for guard, each in guard_items(backend.database).items() if guard.startswith("notified#")}
    ((guard, item),) = guards.items()
    assert item["expires_at"] > utc_now().timestamp()
    for name in (LUNA, finished.job_id, "phone"):
        assert name not in f"{guard} {item}"
