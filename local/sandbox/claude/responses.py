"""Generate the sandbox Claude's responses: extract the dream from a conversation and build the content blocks."""

import html
import json
import random
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.sandbox.classifier import classify
from local.sandbox.claude.prompt_writer import write_prompt
from local.sandbox.claude.schema import fill
from local.sandbox.claude.titles import write_title
from local.sandbox.claude.validation import Call
from local.sandbox.faults import Fault, without_fault_markers

_TAGGED = re.compile(r"<dream>(.*?)(?:</dream>|\Z)", re.DOTALL)
_CHARS_PER_TOKEN = 4
_THINKING_TOKENS = {"low": 40, "medium": 120, "high": 240, "xhigh": 480, "max": 900}
_BASE62 = string.digits + string.ascii_letters


def vendor_id(prefix: str) -> str:
    """Generate an id in Anthropic's format: prefix, 01, 22 letters and digits."""
    return f"{prefix}01{''.join(secrets.choice(_BASE62) for _ in range(22))}"


def text_of(content: object) -> str:
    """Return the text of a message's content, which is a string or a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text")


def dream_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the last ``<dream>`` in a conversation's user turns, or the first user turn if there is none.

    A repair turn ("your prompt was too long") contains no dream, so its response is based on the original one.
    """
    turns = [text_of(message["content"]) for message in messages if message["role"] == "user"]
    for turn in reversed(turns):
        tagged = _TAGGED.search(turn)
        if tagged:
            # The caller escapes markup so that a dream cannot close its own tag.
            return html.unescape(tagged.group(1)).strip()
    return turns[0].strip()


def is_repair(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the last user turn follows up on an earlier response."""
    return any(message["role"] == "assistant" for message in messages[:-1])


def count_tokens(text: str, factor: float) -> int:
    return max(1, round(len(text) / _CHARS_PER_TOKEN * factor))


def input_tokens(body: Mapping[str, Any], factor: float) -> int:
    """Estimate a request's input tokens: about four characters per token, plus overhead for roles, schema and tools."""
    texts = [text_of(body.get("system", "")), *(text_of(message["content"]) for message in body["messages"])]
    structure = [json.dumps(body[name]) for name in ("output_config", "tools") if name in body]
    return sum(count_tokens(text, factor) + 4 for text in (*texts, *structure) if text)


@dataclass(frozen=True)
class ModelResponse:
    """A message's content blocks, stop reason and number of output tokens."""

    content: list[dict[str, Any]]
    stop_reason: str
    output_tokens: int


def generate_response(call: Call, faults: Sequence[Fault]) -> ModelResponse:
    """Respond to ``call``, violating the content rules as ``faults`` request."""
    kinds = {fault.kind for fault in faults}
    if "refusal" in kinds:
        return ModelResponse([], "refusal", 1)
    thinking = _THINKING_TOKENS[call.effort] if call.thinks else 0
    values = _values(call, kinds)
    if call.forced_tool is not None:
        block = _tool_use(call.forced_tool, values)
        return ModelResponse([block], "tool_use", count_tokens(json.dumps(block["input"]), call.model.token_factor))
    text = _text(call, values, kinds)
    tokens = thinking + count_tokens(text, call.model.token_factor)
    stop_reason = "end_turn"
    if "max_tokens" in kinds or tokens > call.max_tokens:
        share = min(0.5 if "max_tokens" in kinds else 1.0, (call.max_tokens - thinking) / (tokens - thinking))
        text = text[: max(0, int(len(text) * share))]
        tokens, stop_reason = min(tokens, call.max_tokens), "max_tokens"
    blocks = [_thinking_block()] if call.thinks else []
    return ModelResponse([*blocks, *([{"type": "text", "text": text}] if text else [])], stop_reason, tokens)


def _values(call: Call, kinds: set[str]) -> dict[str, object]:
    messages = call.body["messages"]
    dream = dream_text(messages)
    classification = classify(without_fault_markers(dream))
    category = classification.category
    template, prompt = category.upper(), write_prompt(dream, category)
    if "bad" in kinds or ("bad_once" in kinds and not is_repair(messages)):
        template = "FLIGHT" if template != "FLIGHT" else "GOTHIC"
        prompt = prompt.replace("POV", "Scene one: the camera makes a", 1)
    if "too_long" in kinds:
        prompt = f"{prompt} {prompt} {prompt} {prompt}"
    return {
        "category": category,
        "template": template,
        "confidence": classification.confidence,
        "prompt": prompt,
        "title": write_title(without_fault_markers(dream)),
    }


def _text(call: Call, values: Mapping[str, object], kinds: set[str]) -> str:
    if "malformed" in kinds:
        return f'Here is your prompt, with pleasure:\nCATEGORY: {values["category"]}\n{{"prompt": "POV'
    if call.schema is not None:
        return json.dumps(fill(call.schema, values), ensure_ascii=False)
    return f"CATEGORY: {values['category']}\nTEMPLATE: {values['template']}\nPROMPT: {values['prompt']}"


def _thinking_block() -> dict[str, Any]:
    signature = "".join(random.choices(_BASE62 + "+/", k=180))  # noqa: S311 - a fake signature
    return {"type": "thinking", "thinking": "", "signature": f"Er{signature}=="}


def _tool_use(tool: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    arguments = fill(tool["input_schema"], values)
    return {"type": "tool_use", "id": vendor_id("toolu_"), "name": tool["name"], "input": arguments}
