"""The routes of devices: what a client sends and receives."""

from typing import Any

import pytest

from dreamvision.database.client import Database
from dreamvision.devices.repository import MAX_DEVICES
from tests.fakes.http_api import Answer, HttpFunction

LUNA, SOL = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f", "c9f0f895-fb98-4b91-a5d2-6f1c2f0e1d3b"
PATH = "/api/v1/devices/{device_id}"
TOKEN = "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"
BODY = {"push_token": TOKEN, "platform": "ios", "locale": "de-DE"}


@pytest.fixture
def devices(database: Database) -> HttpFunction:
    Database.shared.cache_clear()
    return HttpFunction("api/devices")


def put(devices: HttpFunction, device_id: str = "phone", user_id: str = LUNA, **changes: Any) -> Answer:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    return devices(user_id, f"PUT {PATH}", body=body, device_id=device_id)


def test_a_device_is_registered_read_and_removed(devices: HttpFunction) -> None:
    registered = put(devices)
    assert registered.status == 200
    assert registered.body == {"device_id": "phone", **BODY, "registered_at": registered.body["registered_at"]}
    found = devices(LUNA, f"GET {PATH}", device_id="phone")
    assert (found.status, found.body) == (200, registered.body)
    assert found.headers["cache-control"] == "no-store"
    assert devices(LUNA, f"DELETE {PATH}", device_id="phone").status == 204
    for method in ("GET", "DELETE"):
        answer = devices(LUNA, f"{method} {PATH}", device_id="phone")
        assert (answer.status, answer.problem) == (404, "device_not_found")


def test_somebody_elses_device_is_unknown(devices: HttpFunction) -> None:
    put(devices)
    for method in ("GET", "DELETE"):
        assert devices(SOL, f"{method} {PATH}", device_id="phone").status == 404
    assert devices(LUNA, f"GET {PATH}", device_id="phone").status == 200


def test_the_locale_is_optional(devices: HttpFunction) -> None:
    assert put(devices, locale=None).body["locale"] == "en"


def test_an_eleventh_device_is_refused(devices: HttpFunction) -> None:
    for number in range(MAX_DEVICES):
        assert put(devices, f"device-{number}", push_token=f"ExponentPushToken[{number}]").status == 200
    answer = put(devices, "another")
    assert (answer.status, answer.problem) == (409, "too_many_devices")


@pytest.mark.parametrize(
    "changes",
    [
        {"push_token": "not a token"},
        {"push_token": "ExponentPushToken[]"},
        {"push_token": f"{TOKEN}\n"},
        {"push_token": None},
        {"platform": "windows"},
        {"platform": None},
        {"locale": "german please"},
        {"locale": ""},
        {"unknown": True},
    ],
)
def test_an_invalid_registration_is_refused(devices: HttpFunction, changes: dict[str, Any]) -> None:
    answer = put(devices, **changes)
    assert (answer.status, answer.problem) == (422, "validation_failed")
    assert TOKEN not in str(answer.body)


@pytest.mark.parametrize("device_id", ["a b", "x" * 65, "ä"])
def test_an_invalid_id_is_refused(devices: HttpFunction, device_id: str) -> None:
    assert put(devices, device_id).status == 422
