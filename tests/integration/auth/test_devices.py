"""Devices go with their session."""

from collections.abc import Callable

import pytest

from dreamvision.database.transactions import ContentionError
from dreamvision.devices.repository import DeviceRepository, Session
from dreamvision.schemas.devices import DeviceRegistration, Platform
from tests.integration.auth.fixtures import AccountBackend
from tests.permissions.running import running_as

USER = "6f1c2f0e-1d3b-4c55-9a52-0d9f3c0a7b11"


@pytest.fixture
def devices(backend: AccountBackend) -> AccountBackend:
    """A user with a phone and a tablet, each with a session of its own."""
    for device in ("phone", "tablet"):
        body = DeviceRegistration(push_token=f"ExponentPushToken[{device}]", platform=Platform.ANDROID)
        backend.devices.register(USER, device, body, Session(f"session of the {device}", int(backend.clock())))
    return backend


def test_a_sign_out_removes_the_devices_of_its_session(devices: AccountBackend) -> None:
    with running_as("ApiAuth"):
        devices.accounts.sign_out(USER, "session of the phone")
    assert list(devices.devices.list_by_user(USER)) == ["tablet"]


def test_a_sign_out_everywhere_removes_all(devices: AccountBackend) -> None:
    with running_as("ApiAuth"):
        devices.accounts.sign_out_everywhere(USER)
    assert not devices.devices.list_by_user(USER)


@pytest.mark.parametrize(
    "sign_out",
    [
        lambda found: found.accounts.sign_out(USER, "session of the phone"),
        lambda found: found.accounts.sign_out_everywhere(USER),
    ],
)
def test_a_sign_out_does_not_fail_for_a_device(
    devices: AccountBackend, monkeypatch: pytest.MonkeyPatch, sign_out: Callable[[AccountBackend], None]
) -> None:
    def busy(*_: object) -> None:
        raise ContentionError

    monkeypatch.setattr(DeviceRepository, "_change", busy)
    sign_out(devices)
    phone = devices.devices.list_by_user(USER)["phone"]
    # What is left receives nothing: the sender asks the same.
    assert devices.sessions.revoked(USER).includes(phone.session_id, phone.issued_at)
