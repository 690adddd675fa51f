"""Encode a message as server-sent events, for requests with ``stream: true``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_CHUNK_CHARS = 40


def as_events(message: Mapping[str, Any]) -> bytes:
    """Return the complete event stream of ``message``, in the vendor's order."""
    lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events(message))
    return "".join(lines).encode("ascii")


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    usage = {**message["usage"], "output_tokens": 1}
    opening = {**message, "content": [], "stop_reason": None, "stop_details": None, "usage": usage}
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    stop = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": message["usage"]["output_tokens"]}}
    yield {"type": "message_stop"}


def _block_events(index: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    empty: dict[str, dict[str, object]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty[block["type"]]}}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    if block["type"] == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}
        return
    is_text = block["type"] == "text"
    text = block["text"] if is_text else json.dumps(block["input"])
    kind, name = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
    for start in range(0, len(text), _CHUNK_CHARS):
        yield {"type": kind, name: text[start : start + _CHUNK_CHARS]}
