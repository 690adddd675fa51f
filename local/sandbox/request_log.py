"""What a sandbox was asked, for tests and measuring scripts: GET /_sandbox/requests."""

import hashlib
import threading
from collections import deque
from datetime import UTC, datetime

_KEPT = 10_000


def sha256_of(text: str) -> str:
    """Hex digest of ``text``; lone surrogates count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds, as both vendors write times. ``seconds`` since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """The last requests in order. Their texts stay inside: they only serve to filter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[tuple[str, dict[str, object]]] = deque(maxlen=_KEPT)

    def add(self, text: str, entry: dict[str, object]) -> None:
        with self._lock:
            self._entries.append((text, entry))

    def find(self, contains: str = "") -> list[dict[str, object]]:
        with self._lock:
            return [entry for text, entry in self._entries if contains in text]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
