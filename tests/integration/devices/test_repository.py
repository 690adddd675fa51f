"""The devices of users: at most ten, replaced, removed, expired."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.devices.repository import (
    LIFETIME,
    MAX_DEVICES,
    DeviceNotFoundError,
    DeviceRepository,
    Session,
    TooManyDevicesError,
)
from dreamvision.schemas.devices import DeviceRegistration, Platform
from tests.fakes.aws import Capacity
from tests.integration.ministack import guard_items
from tests.permissions.running import running_as

LUNA, SOL = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f", "c9f0f895-fb98-4b91-a5d2-6f1c2f0e1d3b"
PHONE = Session("session-of-the-phone", 1_790_000_000)


def registration(token: str, locale: str = "en") -> DeviceRegistration:
    return DeviceRegistration(push_token=f"ExponentPushToken[{token}]", platform=Platform.IOS, locale=locale)


class Clock:
    def __init__(self) -> None:
        self.moment = utc_now()

    def __call__(self) -> datetime:
        return self.moment


def test_a_device_is_replaced_and_belongs_to_its_user(database: Database) -> None:
    devices = DeviceRepository(database)
    with running_as("ApiDevices"):
        devices.register(LUNA, "phone", registration("old"), PHONE)
        registered = devices.register(LUNA, "phone", registration("new", "de-DE"), PHONE)
        assert devices.get(LUNA, "phone") == registered
    assert registered.push_token == "ExponentPushToken[new]"
    assert registered.locale == "de-DE"
    assert list(devices.list_by_user(LUNA)) == ["phone"]
    with pytest.raises(DeviceNotFoundError):
        devices.get(SOL, "phone")


def test_a_push_token_has_one_device(database: Database) -> None:
    # An app that was installed again has another id; its token may be the same.
    devices = DeviceRepository(database)
    devices.register(LUNA, "before", registration("same"), PHONE)
    devices.register(LUNA, "after", registration("same"), PHONE)
    assert list(devices.list_by_user(LUNA)) == ["after"]


def test_the_eleventh_device_is_refused_and_a_known_one_is_not(database: Database) -> None:
    devices = DeviceRepository(database)
    for number in range(MAX_DEVICES):
        devices.register(LUNA, f"device-{number}", registration(f"t{number}"), PHONE)
    with pytest.raises(TooManyDevicesError):
        devices.register(LUNA, "another", registration("another"), PHONE)
    devices.register(LUNA, "device-3", registration("changed"), PHONE)
    devices.register(SOL, "another", registration("another"), PHONE)
    with running_as("ApiDevices"):
        devices.remove(LUNA, "device-4")
    devices.register(LUNA, "another", registration("another"), PHONE)
    assert len(devices.list_by_user(LUNA)) == MAX_DEVICES


def test_concurrent_registrations_keep_the_limit(ministack: Database) -> None:
    def register(number: int) -> bool:
        try:
            DeviceRepository(ministack).register(LUNA, f"device-{number}", registration(f"t{number}"), PHONE)
        except TooManyDevicesError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        accepted = list(pool.map(register, range(16)))
    assert accepted.count(True) == len(DeviceRepository(ministack).list_by_user(LUNA)) == MAX_DEVICES


def test_removing_the_last_device_leaves_nothing(database: Database) -> None:
    devices = DeviceRepository(database)
    devices.register(LUNA, "phone", registration("a"), PHONE)
    devices.register(LUNA, "tablet", registration("b"), Session("another", 1))
    with running_as("ApiAuth"):
        devices.remove_session(LUNA, PHONE.session_id)
    assert list(devices.list_by_user(LUNA)) == ["tablet"]
    with running_as("ApiAuth"):
        devices.remove_all(LUNA)
    assert guard_items(database) == {}
    with pytest.raises(DeviceNotFoundError):
        devices.remove(LUNA, "tablet")


def test_a_device_that_is_not_registered_again_expires(database: Database) -> None:
    clock = Clock()
    devices = DeviceRepository(database, clock)
    for number in range(MAX_DEVICES):
        devices.register(LUNA, f"device-{number}", registration(f"t{number}"), PHONE)
    (item,) = guard_items(database).values()
    assert item["expires_at"] == int((clock.moment + LIFETIME).timestamp())
    clock.moment += LIFETIME - timedelta(days=1)
    devices.register(LUNA, "device-0", registration("t0"), PHONE)
    clock.moment += timedelta(days=2)
    assert list(devices.list_by_user(LUNA)) == ["device-0"]
    devices.register(LUNA, "another", registration("another"), PHONE)
    (item,) = guard_items(database).values()
    assert set(item["devices"]) == {"device-0", "another"}


def test_a_sign_out_without_devices_costs_one_read(ministack: Database) -> None:
    capacity = Capacity(ministack)
    DeviceRepository(ministack).remove_session(LUNA, "session")
    assert (capacity.read_units, capacity.write_units) == (1, 0)
