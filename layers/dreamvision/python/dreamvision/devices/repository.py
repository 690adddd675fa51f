"""The devices of each user: one item of the guards table, ``devices#<user>``.

One item, so that a user's devices are counted, replaced and erased by single conditional writes. Its ``version`` is
random and changes with every write: of two concurrent changes, the second one reads again.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.core.clock import to_text, utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database, is_condition_failure
from dreamvision.database.transactions import ContentionError, back_off
from dreamvision.schemas.devices import Device, DeviceRegistration, Platform

MAX_DEVICES = 10
# Apps register at every start; a device that has not done so for three months is no longer used.
LIFETIME = timedelta(days=90)
# Ten devices that register at the same time, each of which writes once.
_MAX_ATTEMPTS = 20


class DeviceNotFoundError(DreamVisionError):
    """The user has no device with this id."""

    default_message = "The device does not exist."
    user_message = "This device is not registered."


class TooManyDevicesError(DreamVisionError):
    """The user already has ``MAX_DEVICES`` devices."""

    default_message = "The user has too many devices."
    user_message = "Ten devices are registered already. Sign out on one of them, or everywhere."


class Session(NamedTuple):
    """The session that registers a device: its id, and when the access token was issued (Unix seconds)."""

    session_id: str
    issued_at: int


class StoredDevice(BaseModel):
    """A device, and the session that registered it."""

    model_config = ConfigDict(frozen=True)

    push_token: str
    platform: Platform
    locale: str
    session_id: str
    issued_at: int
    registered_at: datetime

    def response(self, device_id: str) -> Device:
        """Return the device as the API shows it."""
        shown = self.model_dump(include={"push_token", "platform", "locale", "registered_at"})
        return Device(device_id=device_id, **shown)


type Devices = Mapping[str, StoredDevice]
"""A user's devices by id."""


class DeviceRepository:
    """The devices of one user at a time."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(Database.shared())

    def register(self, user_id: str, device_id: str, registration: DeviceRegistration, session: Session) -> Device:
        """Add or replace a device. Another device of the user with the same push token is replaced, too.

        Raises:
            TooManyDevicesError: the user already has ``MAX_DEVICES`` others.
            ContentionError: concurrent changes outlasted the retries.
        """
        device = StoredDevice(**registration.model_dump(), **session._asdict(), registered_at=self._now())

        def added(devices: Devices) -> Devices:
            others = {
                id_: each for id_, each in devices.items() if id_ != device_id and each.push_token != device.push_token
            }
            if len(others) >= MAX_DEVICES:
                raise TooManyDevicesError
            return {**others, device_id: device}

        self._change(user_id, added)
        return device.response(device_id)

    def get(self, user_id: str, device_id: str) -> Device:
        """Return a device.

        Raises:
            DeviceNotFoundError: the user has no such device.
        """
        device = self.list_by_user(user_id).get(device_id)
        if device is None:
            raise DeviceNotFoundError
        return device.response(device_id)

    def list_by_user(self, user_id: str) -> Devices:
        """Return the user's devices. Costs one read unit: consistent, so that none registered before is missed."""
        return self._read(user_id)[0]

    def remove(self, user_id: str, device_id: str) -> None:
        """Remove a device.

        Raises:
            DeviceNotFoundError: the user has no such device.
            ContentionError: concurrent changes outlasted the retries.
        """

        def removed(devices: Devices) -> Devices:
            if device_id not in devices:
                raise DeviceNotFoundError
            return {id_: each for id_, each in devices.items() if id_ != device_id}

        self._change(user_id, removed)

    def remove_where(self, user_id: str, condition: Callable[[str, StoredDevice], bool]) -> None:
        """Remove the devices for which ``condition`` holds, given their ids. Costs one read unit if there is none.

        Raises:
            ContentionError: concurrent changes outlasted the retries.
        """
        self._change(user_id, lambda devices: {id_: each for id_, each in devices.items() if not condition(id_, each)})

    def remove_session(self, user_id: str, session_id: str) -> None:
        """Remove the devices that a session has registered. Errors: see ``remove_where``."""
        self.remove_where(user_id, lambda _, device: device.session_id == session_id)

    def remove_all(self, user_id: str) -> None:
        """Remove all devices of a user. Errors: see ``remove_where``."""
        self.remove_where(user_id, lambda *_: True)

    def _change(self, user_id: str, change: Callable[[Devices], Devices]) -> None:
        for attempt in range(_MAX_ATTEMPTS):
            devices, version = self._read(user_id)
            changed = change(devices)
            if changed == devices or self._write(user_id, changed, version):
                return
            back_off(attempt)
        raise ContentionError

    def _read(self, user_id: str) -> tuple[Devices, str | None]:
        """Return the devices that have not expired, and the item's version (``None``: there is no item)."""
        response = self._database.client.get_item(
            TableName=self._database.names.guards_table, Key=_key(user_id), ConsistentRead=True
        )
        item: Mapping[str, Any] = response.get("Item", {})
        stored = {id_: StoredDevice.model_validate(each) for id_, each in item.get("devices", {}).items()}
        oldest = self._now() - LIFETIME
        return {id_: each for id_, each in stored.items() if each.registered_at > oldest}, item.get("version")

    def _write(self, user_id: str, devices: Devices, version: str | None) -> bool:
        """Replace the item if it still has this version; ``False`` if it has another one."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(guard)"}
        if version is not None:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": version},
            }
        client, table = self._database.client, self._database.names.guards_table
        try:
            if devices:
                client.put_item(TableName=table, Item=_key(user_id) | _attributes(devices), **condition)
            elif version is not None:
                client.delete_item(TableName=table, Key=_key(user_id), **condition)
        except ClientError as error:
            if is_condition_failure(error):
                return False
            raise
        return True


def _attributes(devices: Devices) -> dict[str, Any]:
    latest = max(each.registered_at for each in devices.values())
    return {
        "devices": {
            id_: each.model_dump() | {"registered_at": to_text(each.registered_at)} for id_, each in devices.items()
        },
        "version": secrets.token_hex(8),
        "expires_at": int((latest + LIFETIME).timestamp()),
    }


def devices_guard(user_id: str) -> str:
    """Return the key of a user's devices."""
    return f"devices#{user_id}"


def _key(user_id: str) -> dict[str, str]:
    return {"guard": devices_guard(user_id)}
