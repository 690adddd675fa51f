"""Failures on request: magic words in a dream, or faults queued through the control route.

A word is ``[[claude:KIND]]`` or ``[[runway:KIND]]``, with an optional number of seconds: ``[[claude:slow:3]]``. Words
for Runway travel in the dream too: the sandbox Claude copies them to the end of the video prompt that it writes.
"""

import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WORD = re.compile(r"\[\[(claude|runway):([a-z_]+)(?::(\d+(?:\.\d+)?))?\]\]")
_ANY_WORD = re.compile(r"\[\[(?:claude|runway):[^\[\]]*\]\]")
_MAX_WORDS_CHARS = 300
_RUNWAY_WORD = re.compile(r"\[\[runway:[^\[\]]*\]\]")

CLAUDE_KINDS = frozenset(
    {
        "refusal", "max_tokens", "overloaded", "rate_limit", "error", "auth", "timeout", "slow", "malformed", "garbage",
        "bad_once", "bad", "too_long", "overloaded_once", "rate_limit_once", "error_once", "timeout_once",
    }
)  # fmt: skip
"""``*_once`` applies to the first request with this dream only; ``bad_once`` to every turn that is no repair."""

RUNWAY_KINDS = frozenset(
    {
        "reject", "credits", "auth", "quota", "busy_once", "error_after_create", "cut_after_create",
        "timeout_after_create", "safety", "output_safety", "internal", "bad_output", "null_failure", "cancelled",
        "empty_output", "throttled", "stuck", "unknown_status", "vanish", "not_video", "truncated", "redirect",
        "expired_once", "foreign_host", "poll_error_once", "lasts",
    }
)  # fmt: skip
"""``lasts`` is no failure: with its number of seconds the rendering takes that long."""


class UnknownFaultError(Exception):
    """A queued fault names a kind that the provider's sandbox does not know."""


@dataclass(frozen=True)
class Fault:
    """One failure to act out. ``amount`` is its number: seconds for slow, lasts, timeout, rate_limit (retry-after)."""

    kind: str
    amount: float | None = None


def faults_in(text: str, provider: str) -> tuple[Fault, ...]:
    """The faults that ``text`` asks of ``provider`` ("claude" or "runway"), in order."""
    return tuple(
        Fault(kind, float(amount) if amount else None) for who, kind, amount in _WORD.findall(text) if who == provider
    )


def without_magic(text: str) -> str:
    """``text`` without any magic word."""
    return _ANY_WORD.sub(" ", text)


def runway_words(text: str) -> list[str]:
    """The Runway words of ``text``, verbatim, each once, as many as leave room for a prompt."""
    words = list(dict.fromkeys(_RUNWAY_WORD.findall(text)))
    return [word for index, word in enumerate(words) if len(" ".join(words[: index + 1])) <= _MAX_WORDS_CHARS]


class FaultQueue:
    """Faults for the next requests, in order, whatever their text says. Safe between threads."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self._lock = threading.Lock()
        self._queue: deque[Fault] = deque()

    def extend(self, wanted: Iterable[Mapping[str, object]]) -> int:
        """Add ``[{"kind": ..., "amount": seconds?}]``; returns how many now wait. Raises UnknownFaultError."""
        faults = [self._parse(item) for item in wanted]
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
