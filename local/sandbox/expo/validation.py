"""What Expo's push service requires of a message: fields, types and sizes of `ExpoPushMessage` in expo-server-sdk."""

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"Expo(nent)?PushToken\[[^\[\]]+\]")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "to": (str, list),
    "data": dict,
    "title": str,
    "subtitle": str,
    "body": str,
    "sound": (str, dict, type(None)),
    "ttl": int,
    "expiration": int,
    "priority": str,
    "interruptionLevel": str,
    "badge": int,
    "channelId": str,
    "icon": str,
    "richContent": dict,
    "categoryId": str,
    "mutableContent": bool,
    "_contentAvailable": bool,
}
_PRIORITIES = ("default", "normal", "high")
# "The total notification payload must be at most 4096 bytes."
_MAX_BYTES = 4096


class InvalidMessageError(Exception):
    """A message that the service refuses, and the whole request with it."""


def validate(message: object) -> Mapping[str, Any]:
    """Return the message if it is valid.

    Raises:
        InvalidMessageError: it is not.
    """
    if not isinstance(message, dict):
        raise InvalidMessageError("A message must be an object.")
    for name, value in message.items():
        if name not in _TYPES:
            raise InvalidMessageError(f'"{name}" is not allowed.')
        if not isinstance(value, _TYPES[name]):
            raise InvalidMessageError(f'"{name}" has the wrong type.')
    if message.get("priority", "default") not in _PRIORITIES:
        raise InvalidMessageError('"priority" must be one of default, normal, high.')
    if not recipients(message) or not all(_TOKEN.fullmatch(str(token)) for token in recipients(message)):
        raise InvalidMessageError('"to" must be an Expo push token.')
    if len(json.dumps({**message, "to": None}, ensure_ascii=False).encode()) > _MAX_BYTES:
        raise InvalidMessageError("The message is larger than 4096 bytes.")
    return message


def recipients(message: Mapping[str, Any]) -> list[str]:
    """Return the push tokens of a message."""
    to = message.get("to")
    return to if isinstance(to, list) else [to] if isinstance(to, str) else []
