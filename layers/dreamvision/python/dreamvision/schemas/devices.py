"""Devices that receive push notifications."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dreamvision.schemas.base import Request, Response, Timestamp

DeviceId = Annotated[
    str,
    Field(
        pattern="^[A-Za-z0-9._-]{1,64}$",
        description="An id that the app creates once per installation, such as a UUID.",
        examples=["6f1d2c0b-9a87-4e10-8a5e-7b2f1c3d4e5f"],
    ),
]
PushToken = Annotated[
    str,
    Field(
        # What getExpoPushTokenAsync of expo-notifications returns; the prefix has two spellings (expo-server-sdk).
        pattern=r"^Expo(nent)?PushToken\[[A-Za-z0-9_-]{1,128}\]$",
        description="The push token from Expo (`getExpoPushTokenAsync`).",
        examples=["ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"],
    ),
]
Locale = Annotated[
    str,
    Field(
        pattern="^[A-Za-z]{2,3}([_-][A-Za-z0-9]{1,8}){0,4}$",
        description="The language of the notifications (BCP 47). There are texts in German, English, Spanish and"
        " French; any other language gets English.",
        examples=["de-DE"],
    ),
]


class Platform(StrEnum):
    """The operating system of a device."""

    ANDROID = "android"
    IOS = "ios"


class DeviceRegistration(Request):
    """Where the notifications of the user go."""

    push_token: PushToken
    platform: Platform
    locale: Locale = "en"


class Device(Response):
    """A device of the user."""

    device_id: DeviceId
    push_token: PushToken
    platform: Platform
    locale: Locale
    registered_at: Timestamp = Field(description="When the app registered the device last. It is kept for 90 days.")
