"""Expo's push service: send messages, read receipts.

Source of paths, limits and errors: https://docs.expo.dev/push-notifications/sending-notifications/ and the package
expo-server-sdk.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Self

import httpx

from dreamvision.core.config import Config
from dreamvision.core.secrets import provider_key
from dreamvision.notifications.errors import (
    PushAccessError,
    PushOutcomeUnknownError,
    PushRefusedError,
    PushUnavailableError,
)

MAX_MESSAGES: Final = 100
# The limit is 1,000; the vendor's own client asks for 300 at a time.
MAX_RECEIPTS: Final = 300
DEVICE_NOT_REGISTERED: Final = "DeviceNotRegistered"
RATE_EXCEEDED: Final = "MessageRateExceeded"
CREDENTIALS_ERRORS: Final = frozenset({"InvalidCredentials", "MismatchSenderId"})
"""Errors of the app's credentials at Apple or Google, stored at Expo: an operator has to act."""

# Seconds. The function's own timeout is 30 s.
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
# Failures before the first byte of the request is sent.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class ExpoSettings(Config):
    """The service's base URL, and the name of the secret with the access token; none if it is empty."""

    expo_base_url: str
    expo_secret: str | None = None


class Ticket(NamedTuple):
    """The service's answer to one message: the id of its receipt, or an error's name."""

    receipt_id: str | None
    error: str | None


class ExpoClient:
    """Sends each request exactly once. With an access token, the service requires it for the project's push tokens."""

    def __init__(self, base_url: str, access_token: str | None = None, client: httpx.Client | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if access_token is not None:
            self._headers["Authorization"] = f"Bearer {access_token}"
        # A new connection per request: on a kept one, a peer that closed it is indistinguishable from a lost response.
        self._client = client or httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))

    @classmethod
    def shared(cls) -> Self:
        """Return this process's instance for the current access token.

        Raises:
            ConfigurationError: a setting is missing or the secret cannot be read.
        """
        settings = ExpoSettings.from_environment()
        token = provider_key(settings.expo_secret) if settings.expo_secret else None
        return cls._configured(settings.expo_base_url, token)

    @classmethod
    @cache
    def _configured(cls, base_url: str, token: str | None) -> Self:
        return cls(base_url, token)

    def send(self, messages: Sequence[Mapping[str, Any]]) -> list[Ticket]:
        """Send at most ``MAX_MESSAGES`` and return a ticket for each, in order.

        Raises:
            PushUnavailableError: nothing was sent; repeating may help.
            PushRefusedError: nothing was sent; repeating does not help.
            PushOutcomeUnknownError: some or all may have been sent.
        """
        found = self._post("/--/api/v2/push/send", list(messages))
        if not isinstance(found, list) or len(found) != len(messages):
            raise PushOutcomeUnknownError
        return [_ticket(each) for each in found]

    def receipt_errors(self, receipt_ids: Sequence[str]) -> dict[str, str | None]:
        """Return the error's name (``None``: delivered) of those of at most ``MAX_RECEIPTS`` that exist already.

        Raises:
            PushUnavailableError, PushRefusedError, PushOutcomeUnknownError: nothing is known; repeating is harmless.
        """
        found = self._post("/--/api/v2/push/getReceipts", {"ids": list(receipt_ids)})
        if not isinstance(found, dict):
            raise PushOutcomeUnknownError
        return {id_: _error_of(found[id_]) for id_ in receipt_ids if id_ in found}

    def _post(self, path: str, body: object) -> object:
        try:
            response = self._client.post(
                f"{self._base_url}{path}", json=body, headers=self._headers, timeout=_TIMEOUT, follow_redirects=False
            )
        except _NOTHING_SENT:
            raise PushUnavailableError from None
        except httpx.HTTPError:
            raise PushOutcomeUnknownError from None
        if response.status_code != httpx.codes.OK:
            raise _request_error(response.status_code)
        try:
            answer = response.json()
        except ValueError:
            raise PushOutcomeUnknownError from None
        if not isinstance(answer, dict):
            raise PushOutcomeUnknownError
        if answer.get("errors"):
            raise PushRefusedError
        return answer.get("data")


def _request_error(status: int) -> PushUnavailableError | PushRefusedError:
    """Map a status: the documentation asks to repeat after 429 and 5xx."""
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return PushAccessError()
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return PushUnavailableError()
    return PushRefusedError()


def _ticket(found: object) -> Ticket:
    receipt_id = found.get("id") if isinstance(found, dict) else None
    error = _error_of(found)
    return Ticket(receipt_id if isinstance(receipt_id, str) and error is None else None, error)


def _error_of(found: object) -> str | None:
    """Return the error's name in a ticket or receipt; ``None`` if it is ``ok``."""
    if not isinstance(found, dict):
        return "Unknown"
    if found.get("status") == "ok":
        return None
    details = found.get("details")
    name = details.get("error") if isinstance(details, dict) else None
    return name if isinstance(name, str) and name.isalpha() and len(name) <= 64 else "Unknown"
