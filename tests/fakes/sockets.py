"""A fake of API Gateway's connections: sent messages, gone and unreachable connections."""

import json
import threading
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from dreamvision.realtime.gateway import ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError


@cache
def validators() -> dict[str, Draft202012Validator]:
    """Return the schema of each message of docs/asyncapi.json by the message's name."""
    document = json.loads((Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text())
    return {
        message["name"]: Draft202012Validator({**message["payload"], **document}, format_checker=FormatChecker())
        for message in document["components"]["messages"].values()
    }


def require_documented(message: str) -> None:
    """Assert that a message of the server is as docs/asyncapi.json describes it."""
    found = json.loads(message)
    validator = validators()[found["type"]]
    errors = [error.message for error in validator.iter_errors(found)]
    assert not errors, errors


class FakeSockets(ConnectionGateway):
    """All connections are open except those in ``gone`` or ``unreachable``."""

    def __init__(self) -> None:
        super().__init__("https://sockets.invalid/v1")
        self.gone: set[str] = set()
        self.unreachable: set[str] = set()
        self.closed: list[str] = []
        self._sent: dict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()

    def sent(self, connection_id: str) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self._sent[connection_id]]

    def active_connections(self) -> set[str]:
        """Return the connections that were sent anything."""
        return {connection_id for connection_id, texts in self._sent.items() if texts}

    def send(self, connection_id: str, message: str) -> None:
        self._require(connection_id)
        require_documented(message)
        with self._lock:
            self._sent[connection_id].append(message)

    def close(self, connection_id: str) -> None:
        if connection_id in self.unreachable:
            raise ConnectionUnavailableError
        self.closed.append(connection_id)

    def is_open(self, connection_id: str) -> bool:
        return connection_id not in self.gone

    def _require(self, connection_id: str) -> None:
        if connection_id in self.gone:
            raise ConnectionGoneError
        if connection_id in self.unreachable:
            raise ConnectionUnavailableError
