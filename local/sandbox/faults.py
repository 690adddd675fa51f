"""Fault injection: markers in a dream's text, or faults queued through the control route.

A marker is ``[[claude:KIND]]`` or ``[[runway:KIND]]``, optionally with a number of seconds: ``[[claude:slow:3]]``.
Runway markers also go into the dream: the sandbox Claude copies them to the end of the video prompt.
"""

import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MARKER = re.compile(r"\[\[(claude|runway):([a-z_]+)(?::(\d+(?:\.\d+)?))?\]\]")
_ANY_MARKER = re.compile(r"\[\[(?:claude|runway):[^\[\]]*\]\]")
_MAX_MARKERS_CHARS = 300
_RUNWAY_MARKER = re.compile(r"\[\[runway:[^\[\]]*\]\]")

CLAUDE_KINDS = frozenset(
    {
        "refusal", "max_tokens", "overloaded", "rate_limit", "error", "auth", "timeout", "slow", "malformed", "garbage",
        "bad_once", "bad", "too_long", "overloaded_once", "rate_limit_once", "error_once", "timeout_once",
    }
)  # fmt: skip
"""``*_once`` applies only to the first request with a dream; ``bad_once`` to every turn except repair turns."""

RUNWAY_KINDS = frozenset(
    {
        "reject", "credits", "auth", "quota", "busy_once", "error_after_create", "cut_after_create",
        "timeout_after_create", "safety", "output_safety", "internal", "bad_output", "null_failure", "cancelled",
        "empty_output", "throttled", "stuck", "unknown_status", "vanish", "not_video", "truncated", "redirect",
        "expired_once", "foreign_host", "poll_error_once", "lasts",
    }
)  # fmt: skip
"""``lasts`` is not a failure: it sets the duration of the render in seconds."""


EXPO_KINDS = frozenset({"rate_limit", "error", "unavailable", "auth", "cut", "timeout"})
"""Only queued: no dream reaches Expo. ``cut`` and ``timeout`` lose the reply to a request that was carried out."""


class UnknownFaultError(Exception):
    """A queued fault has a kind that the provider's sandbox does not support."""


@dataclass(frozen=True)
class Fault:
    """One fault to simulate. ``amount`` is in seconds, for slow, lasts, timeout and rate_limit (its Retry-After)."""

    kind: str
    amount: float | None = None


def faults_in(text: str, provider: str) -> tuple[Fault, ...]:
    """Return the faults that ``text`` requests of ``provider`` ("claude" or "runway"), in order."""
    return tuple(
        Fault(kind, float(amount) if amount else None)
        for name, kind, amount in _MARKER.findall(text)
        if name == provider
    )


def without_fault_markers(text: str) -> str:
    """Return ``text`` with every fault marker removed."""
    return _ANY_MARKER.sub(" ", text)


def runway_markers(text: str) -> list[str]:
    """Return the Runway markers of ``text`` verbatim and without duplicates, at most 300 characters in all.

    The limit leaves room for the prompt itself.
    """
    markers = list(dict.fromkeys(_RUNWAY_MARKER.findall(text)))
    return [marker for index, marker in enumerate(markers) if len(" ".join(markers[: index + 1])) <= _MAX_MARKERS_CHARS]


class FaultQueue:
    """Faults for the next requests, in order, regardless of their text. Thread-safe."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._queue: deque[Fault] = deque()

    def extend(self, items: Iterable[Mapping[str, object]]) -> int:
        """Add ``[{"kind": ..., "amount": seconds?}]`` and return the length of the queue.

        Raises:
            UnknownFaultError: an item has an unsupported kind; nothing is added.
        """
        faults = [self._parse(item) for item in items]
        with self._lock:
            self._queue.extend(faults)
            return len(self._queue)

    def take(self) -> Fault | None:
        with self._lock:
            return self._queue.popleft() if self._queue else None

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()

    def _parse(self, item: Mapping[str, object]) -> Fault:
        kind, amount = item.get("kind"), item.get("amount")
        if not isinstance(kind, str) or kind not in self._known:
            raise UnknownFaultError(f"kind must be one of: {', '.join(sorted(self._known))}")
        return Fault(kind, float(amount) if isinstance(amount, int | float) else None)
