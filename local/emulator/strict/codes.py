"""Random codes that expire, for confirmations and forgotten passwords, as Cognito sends them.

The emulator compares a code with what it has sent, but that is always ``123456`` or ``654321``. Cognito's codes are
valid for 24 hours (confirmation) or one hour (forgotten password): "User pools code validity resource quotas" in
docs.aws.amazon.com/cognito/latest/developerguide/quotas.html. The emulator's list of e-mails shows what was sent.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.strict.replacing import Function, Request, Response, Service, replace

# The fields of the emulator's record of a user, and the seconds for which their codes are valid.
_CONFIRMATION, _RESET = "_confirmation_code", "_reset_code"
_LIFETIMES = {_CONFIRMATION: 24 * 3600, _RESET: 3600}
_FIELDS = {"ConfirmSignUp": _CONFIRMATION, "ConfirmForgotPassword": _RESET}


class Codes:
    """The codes of the emulator's Cognito."""

    def __init__(self, cognito: Service, clock: Callable[[], float] = time.time) -> None:
        self._cognito = cognito
        self._clock = clock

    def install(self) -> None:
        replace(self._cognito, "_send_verification_email", self.sending_random_codes)
        replace(self._cognito, "_confirmation_code_error", self.refusing_expired_codes)

    def sending_random_codes(self, send: Function) -> Function:
        """Wrap what e-mails a code: send, and keep in the user's record, a random one instead."""

        def sent(
            pool: Mapping[str, Any],
            username: str,
            attributes: Mapping[str, str],
            code: str,
            attribute_name: str = "email",
        ) -> None:
            user = self._cognito._resolve_user(pool, username)[0]
            field = _RESET if attribute_name == "password" else _CONFIRMATION
            user[field], user[_sent_at(field)] = f"{secrets.randbelow(10**6):06d}", self._clock()
            send(pool, username, attributes, user[field], attribute_name)

        return sent

    def refusing_expired_codes(self, check: Function) -> Function:
        """Wrap what returns the error of a wrong code: forget an expired code first.

        The emulator answers ``ExpiredCodeException`` to any code if none has been sent.
        """

        def checked(action: str, request: Request) -> Response | None:
            if action in _FIELDS:
                self._forget_expired_code(request, _FIELDS[action])
            error: Response | None = check(action, request)
            return error

        return checked

    def _forget_expired_code(self, request: Request, field: str) -> None:
        pool = self._cognito._pool_for_client(request.get("ClientId"))[0]
        user = self._cognito._resolve_user(pool, request.get("Username"))[0] if pool else None
        if user and user.get(_sent_at(field), 0) + _LIFETIMES[field] <= self._clock():
            user.pop(field, None)


def _sent_at(field: str) -> str:
    return f"{field}_sent_at"
