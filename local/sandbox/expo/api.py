"""Expo's push service as a function from request to reply (docs.expo.dev/push-notifications/sending-notifications).

A push token can name what becomes of its messages, ``ExponentPushToken[KIND-...]``: ``unregistered`` (the ticket is
DeviceNotRegistered), ``uninstalled`` (the receipt is) and ``foreign`` (a token of another project).
"""

import gzip
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.sandbox import EXPO_TOKEN
from local.sandbox.control import PREFIX, control_reply
from local.sandbox.expo.validation import InvalidMessageError, recipients, validate
from local.sandbox.faults import EXPO_KINDS, FaultQueue
from local.sandbox.http_server import Reply, Request, json_reply
from local.sandbox.request_log import RequestLog, timestamp

_SEND = "/--/api/v2/push/send"
_RECEIPTS = "/--/api/v2/push/getReceipts"
_MAX_MESSAGES = 100
_MAX_RECEIPTS = 1000
_TIMEOUT_SECONDS = 60.0
_REJECTIONS: Mapping[str, tuple[int, str, str]] = {
    "rate_limit": (429, "TOO_MANY_REQUESTS", "Too many requests."),
    "error": (500, "INTERNAL_SERVER_ERROR", "An unknown error occurred."),
    "unavailable": (503, "SERVICE_UNAVAILABLE", "The service is unavailable."),
    "auth": (401, "UNAUTHORIZED", "The bearer token is invalid."),
}
"""Faults that reject a request: status, code and message."""
_KIND = re.compile(r"\[([a-z]+)-")


class ExpoApi:
    """The push service. Receipts exist ``receipt_seconds`` after the ticket. ``stopping`` ends every delay at once."""

    def __init__(
        self, stopping: threading.Event, receipt_seconds: float = 0.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._stopping = stopping
        self._receipt_seconds = receipt_seconds
        self._clock = clock
        self._faults = FaultQueue(EXPO_KINDS)
        self._request_log = RequestLog()
        self._lock = threading.Lock()
        self._receipts: dict[str, tuple[float, dict[str, object]]] = {}

    def reset(self) -> None:
        """Delete receipts, logged messages and queued faults."""
        with self._lock:
            self._receipts.clear()
        self._request_log.clear()
        self._faults.clear()

    def reject(self, status: int) -> Reply:
        """Build the reply to an unread request."""
        return _errors(status, "VALIDATION_ERROR", "The request body cannot be read.")

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            return control_reply(request, self._faults, self._report, self.reset)
        if request.path not in (_SEND, _RECEIPTS) or request.method != "POST":
            return _errors(404, "NOT_FOUND", "No such endpoint.")
        token = request.headers.get("authorization")
        if token is not None and token != f"Bearer {EXPO_TOKEN}":
            return _errors(*_REJECTIONS["auth"])
        fault = self._faults.take()
        if fault is not None and fault.kind in _REJECTIONS:
            return _errors(*_REJECTIONS[fault.kind])
        try:
            body = json.loads(_unpacked(request))
        except (ValueError, OSError):
            return _errors(400, "VALIDATION_ERROR", "The request body is not JSON.")
        reply = self._send(body) if request.path == _SEND else self._read_receipts(body)
        if fault is not None and fault.kind == "timeout":
            self._stopping.wait(fault.amount or _TIMEOUT_SECONDS)
        return Reply(reset=True) if fault is not None and fault.kind in ("cut", "timeout") else reply

    def _send(self, body: object) -> Reply:
        messages = body if isinstance(body, list) else [body]
        try:
            targets = [(message, token) for message in map(validate, messages) for token in recipients(message)]
        except InvalidMessageError as error:
            return _errors(400, "VALIDATION_ERROR", str(error))
        if len(targets) > _MAX_MESSAGES:
            return _errors(400, "PUSH_TOO_MANY_NOTIFICATIONS", "At most 100 notifications per request.")
        if len({_kind(token) == "foreign" for _, token in targets}) > 1:
            return _errors(400, "PUSH_TOO_MANY_EXPERIENCE_IDS", "All messages must be for the same project.")
        return json_reply(200, {"data": [self._ticket(message, token) for message, token in targets]})

    def _ticket(self, message: Mapping[str, Any], token: str) -> dict[str, object]:
        receipt_id = str(uuid.uuid4())
        text = f"{token} {json.dumps(message.get('data'))}"
        entry = {"at": timestamp(self._clock()), "receipt_id": receipt_id, **message, "to": token}
        self._request_log.add(text, entry)
        if _kind(token) == "unregistered":
            return _not_registered(token)
        receipt: dict[str, object] = _not_registered(token) if _kind(token) == "uninstalled" else {"status": "ok"}
        with self._lock:
            self._receipts[receipt_id] = (self._clock() + self._receipt_seconds, receipt)
        return {"status": "ok", "id": receipt_id}

    def _read_receipts(self, body: object) -> Reply:
        ids: Sequence[object] = body.get("ids", ()) if isinstance(body, dict) else ()
        if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
            return _errors(400, "VALIDATION_ERROR", '"ids" must be a list of receipt ids.')
        if len(ids) > _MAX_RECEIPTS:
            return _errors(400, "PUSH_TOO_MANY_RECEIPTS", "At most 1,000 receipts per request.")
        with self._lock:
            found = {id_: self._receipts[id_] for id_ in ids if id_ in self._receipts}
        now = self._clock()
        return json_reply(200, {"data": {id_: receipt for id_, (since, receipt) in found.items() if since <= now}})

    def _report(self, contains: str) -> dict[str, object]:
        found = self._request_log.find(contains)
        return {"count": len(found), "messages": found}


def _unpacked(request: Request) -> bytes:
    """Return the body; the vendor's client compresses those over 1 kB."""
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def _kind(token: str) -> str:
    found = _KIND.search(token)
    return found[1] if found else ""


def _not_registered(token: str) -> dict[str, object]:
    return {
        "status": "error",
        "message": f'"{token}" is not a registered push notification recipient',
        "details": {"error": "DeviceNotRegistered", "expoPushToken": token},
    }


def _errors(status: int, code: str, message: str) -> Reply:
    return json_reply(status, {"errors": [{"code": code, "message": message, "isTransient": status >= 429}]})
