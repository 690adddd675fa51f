"""Receipts of notifications, a quarter of an hour later."""

import pytest

from dreamvision.notifications.tasks import CheckReceipts, SentNotification
from tests.fakes.emf import samples
from tests.integration.notifications.fixtures import LUNA, ExpoSandbox, NotificationBackend, outcome


def receipts_of(backend: NotificationBackend) -> CheckReceipts:
    """Notify Luna's devices and return the task that was queued."""
    assert backend.send(outcome()) == set()
    task, _ = backend.tasks.added.pop()
    assert isinstance(task, CheckReceipts)
    return task


def test_a_device_that_is_not_registered_any_more_is_removed(
    backend: NotificationBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.register(LUNA, "uninstalled-1")
    backend.register(LUNA, "phone")
    task = receipts_of(backend)
    assert set(backend.devices.list_by_user(LUNA)) == {"uninstalled-1", "phone"}
    capsys.readouterr()
    assert backend.process(task) == set()
    assert list(backend.devices.list_by_user(LUNA)) == ["phone"]
    (sample,) = [each for each in samples(capsys.readouterr().out) if "reason" in each.dimensions]
    assert (sample.name, sample.dimensions["reason"]) == ("NotificationsFailed", "DeviceNotRegistered")


def test_a_device_with_a_new_token_is_kept(backend: NotificationBackend) -> None:
    backend.register(LUNA, "uninstalled-1")
    task = receipts_of(backend)
    device = backend.devices.list_by_user(LUNA)["uninstalled-1"]
    renewed = backend.devices.get(LUNA, "uninstalled-1").model_copy(update={"push_token": "ExponentPushToken[new]"})
    backend.register(LUNA, "new")
    backend.devices.remove(LUNA, "uninstalled-1")
    assert device.push_token != renewed.push_token
    assert backend.process(task) == set()
    assert list(backend.devices.list_by_user(LUNA)) == ["new"]


def test_a_missing_receipt_is_asked_for_once_more(backend: NotificationBackend, expo: ExpoSandbox) -> None:
    backend.register(LUNA, "phone")
    task = receipts_of(backend)
    expo.api.reset()
    assert backend.process(task) == set()
    ((again, delay),) = backend.tasks.added
    assert isinstance(again, CheckReceipts)
    assert (again.sent, again.last, delay) == (task.sent, True, 900)
    assert backend.process(again) == set()
    assert len(backend.tasks.added) == 1


@pytest.mark.parametrize("kind", ["rate_limit", "error", "cut", "auth"])
def test_a_failed_request_is_repeated_later(backend: NotificationBackend, expo: ExpoSandbox, kind: str) -> None:
    backend.register(LUNA, "uninstalled-1")
    task = receipts_of(backend)
    expo.fail(kind)
    assert backend.process(task, received=3) == {"message"}
    assert backend.tasks.delays == [("handle", 3)]
    assert backend.process(task, received=4) == set()
    assert not backend.devices.list_by_user(LUNA)


def test_a_message_holds_as_many_receipts_as_a_request(backend: NotificationBackend) -> None:
    sent = [
        SentNotification(receipt_id=str(number), user_id=LUNA, device_id="phone", token_digest="0" * 32)
        for number in range(301)
    ]
    backend.tasks.check_receipts(sent)
    tasks = [task for task, _ in backend.tasks.added]
    assert [len(task.sent) for task in tasks if isinstance(task, CheckReceipts)] == [300, 1]
    # SQS: 1 MiB, and 256 KiB in older regions' quotas.
    assert len(tasks[0].model_dump_json()) < 262_144
