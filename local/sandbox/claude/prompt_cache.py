"""Prompt caching, as reported in usage: the first request writes a prefix, requests within five minutes read it."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from local.sandbox.claude.responses import count_tokens
from local.sandbox.claude.validation import Call
from local.sandbox.request_log import sha256_of

_LIFETIME_SECONDS = 300.0


class PromptCache:
    """The cached system prompts. As in the API, a prompt below the model's minimum length is silently not cached."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}

    def look_up(self, call: Call) -> tuple[int, int]:
        """Return the tokens written and read for the system blocks up to the last one with ``cache_control``."""
        blocks = call.body.get("system")
        marked = [index for index, block in enumerate(blocks) if _is_marked(block)] if isinstance(blocks, list) else []
        if not marked or not isinstance(blocks, list):
            return 0, 0
        text = "".join(block["text"] for block in blocks[: marked[-1] + 1])
        tokens = count_tokens(text, call.model.token_factor)
        if tokens < call.model.min_cacheable_tokens:
            return 0, 0
        key, now = sha256_of(json.dumps([call.model.id, text])), self._clock()
        with self._lock:
            is_warm = self._until.get(key, 0.0) > now
            self._until[key] = now + _LIFETIME_SECONDS
        return (0, tokens) if is_warm else (tokens, 0)

    def clear(self) -> None:
        with self._lock:
            self._until.clear()


def _is_marked(block: Mapping[str, Any]) -> bool:
    return block.get("cache_control") is not None
