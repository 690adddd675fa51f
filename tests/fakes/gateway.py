"""A function as API Gateway calls it: the sample event of the route, with another body and other headers."""

import json
import uuid
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

from tests.conftest import load_event

USER_ID = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"


class Answer(NamedTuple):
    """The response that a client receives."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str:
        """Return the last part of a problem's type."""
        return str(self.body["type"]).rpartition(":")[2]


def send(
    function: ModuleType,
    sample: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    user_id: str = USER_ID,
    source_ip: str = "203.0.113.7",
) -> Answer:
    """Send an event. ``sample`` is its name under ``events/api``; ``body`` replaces the sample's own."""
    event = load_event(f"api/{sample}")
    event["headers"] |= headers or {}
    event["requestContext"]["requestId"] = str(uuid.uuid4())
    event["requestContext"]["http"]["sourceIp"] = source_ip
    if "authorizer" in event["requestContext"]:
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user_id
    if body is not None:
        event["body"] = json.dumps(body)
    context = SimpleNamespace(
        function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id=str(uuid.uuid4())
    )
    raw = function.handler(event, context)
    text = raw.get("body") or ""
    return Answer(raw["statusCode"], raw["headers"], json.loads(text) if text else None)
