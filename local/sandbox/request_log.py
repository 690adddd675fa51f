"""Log of the requests to a sandbox, read by tests and measuring scripts through GET /_sandbox/requests."""

import hashlib
import threading
from collections import deque
from datetime import UTC, datetime

_MAX_ENTRIES = 10_000


def sha256_of(text: str) -> str:
    """Return the SHA-256 of ``text`` in hex. Lone surrogates are encoded as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def timestamp(seconds: float) -> str:
    """Format ``seconds`` since the epoch as RFC 3339 in UTC with milliseconds, the format of both vendors."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RequestLog:
    """The latest 10,000 requests, oldest first. Texts are stored only for filtering and are never returned."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[tuple[str, dict[str, object]]] = deque(maxlen=_MAX_ENTRIES)

    def add(self, text: str, entry: dict[str, object]) -> None:
        with self._lock:
            self._entries.append((text, entry))

    def find(self, contains: str = "") -> list[dict[str, object]]:
        with self._lock:
            return [entry for text, entry in self._entries if contains in text]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
