"""Request validation of the sandboxes, structured outputs, fault markers and output links."""

from typing import Any

import pytest

from local.sandbox.claude.schema import UnsupportedSchemaError, check_schema, fill
from local.sandbox.claude.validation import VERSIONS, InvalidRequestError, validate_body
from local.sandbox.faults import CLAUDE_KINDS, Fault, FaultQueue, UnknownFaultError, faults_in, without_fault_markers
from local.sandbox.runway.links import InvalidLinkError, LinkSigner
from local.sandbox.runway.validation import InvalidBodyError, validate_request

OLD, NEW = VERSIONS
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}, "confidence": {"type": "number"}},
    "required": ["prompt", "confidence"],
    "additionalProperties": False,
}


def body(**changes: Any) -> dict[str, Any]:
    base = {"model": "claude-sonnet-5-5", "max_tokens": 100, "messages": [{"role": "user", "content": "A dream."}]}
    return {name: value for name, value in {**base, **changes}.items() if value is not ...}


def with_schema(schema: Any, **config: Any) -> dict[str, Any]:
    return body(output_config={"format": {"type": "json_schema", "schema": schema}, **config})


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (body(max_tokens=...), "max_tokens: Field required"),
        (body(model=...), "model: Field required"),
        (body(messages=...), "messages: Field required"),
        (body(messages=[]), "at least one message"),
        (body(max_tokens=0), "greater than or equal to 1"),
        (body(max_tokens=True), "valid integer"),
        (body(max_tokens=128_001), "maximum allowed number of output tokens"),
        (body(prompt="x"), "prompt: Extra inputs are not permitted"),
        (body(temperature=1.0), "temperature: Extra inputs are not permitted"),
        (body(top_p=1), "top_p: Extra inputs are not permitted"),
        (body(top_k=1), "top_k: Extra inputs are not permitted"),
        (body(messages=[{"role": "system", "content": "x"}]), "Input should be 'user' or 'assistant'"),
        (body(messages=[{"role": "user", "content": ""}]), "non-empty content"),
        (body(messages=[{"role": "user", "content": [{"type": "text", "text": ""}]}]), "must be non-empty"),
        (body(messages=[{"role": "user", "content": [{"type": "poem"}]}]), "does not match any tag"),
        (body(messages=[{"role": "user", "content": "x", "name": "y"}]), "Extra inputs"),
        (body(messages=[{"role": "assistant", "content": "x"}]), "first message"),
        (body(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]), "prefill"),
        (body(thinking={"type": "disabled"}), 'type "disabled" is not supported'),
        (body(thinking={"type": "enabled", "budget_tokens": 1024}), 'type "enabled" is not supported'),
        (body(thinking={"type": "between_tools"}, output_config={"effort": "max"}), "between_tools"),
        (body(tools=[{"name": "t", "input_schema": SCHEMA}], tool_choice={"type": "tool", "name": "t"}), "tool_choice"),
        (body(tools=[{"name": "t", "input_schema": SCHEMA}], tool_choice={"type": "any"}), "tool_choice"),
        (body(output_config={"effort": "extreme"}), "output_config.effort"),
        (body(output_config={"schema": {}}), "output_config.schema: Extra inputs"),
        (body(output_config={"format": {"type": "json"}}), "json_schema"),
        (body(output_format={"type": "json_schema"}), "output_format: Extra inputs"),
        (body(model="claude-sonnet-4-5", output_config={"effort": "low"}), "does not support the effort"),
        (body(model="claude-sonnet-4-5", thinking={"type": "adaptive"}), "adaptive"),
        (body(system=[{"type": "image"}]), "system.0.type"),
        ([], "valid dictionary"),
    ],
)
def test_claude_rejects_invalid_body(request_body: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate_body(request_body, NEW)
    assert message in str(caught.value)
    assert (caught.value.status, caught.value.kind) == (400, "invalid_request_error")


@pytest.mark.parametrize("model", ["claude-3-5-sonnet-20241022", "claude-sonnet-4-20250514", "gpt-5"])
def test_claude_rejects_retired_and_unknown_models(model: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate_body(body(model=model), NEW)
    assert (caught.value.status, caught.value.kind) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("claude-sonnet-4-5", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]}),
        ("claude-sonnet-4-5", {"tools": [{"name": "t", "input_schema": SCHEMA}], "tool_choice": {"type": "any"}}),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}),
        ("claude-sonnet-4-6", {"output_config": {"effort": "low"}}),
        ("claude-sonnet-5", {"thinking": {"type": "disabled"}}),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}}),
        ("claude-haiku-4-5-20251001", {"metadata": {"user_id": "u"}, "stop_sequences": ["END"]}),
    ],
)
def test_claude_accepts_what_the_model_supports(model: str, changes: dict[str, Any]) -> None:
    assert validate_body(body(model=model, **changes), NEW).model.id.startswith(model)


def test_old_version_accepts_sampling_parameters() -> None:
    assert validate_body(body(temperature=0.3), OLD).max_tokens == 100
    with pytest.raises(InvalidRequestError, match=r"temperature: range: 0\.\.1"):
        validate_body(body(temperature=1.5), OLD)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "object", "properties": {}}, "additionalProperties"),
        ({"type": "object", "additionalProperties": True}, "additionalProperties"),
        ({"type": "string", "maxLength": 10}, "maxLength"),
        ({"type": "string", "minLength": 10}, "minLength"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "minimum, maximum"),
        ({"type": "integer", "multipleOf": 2}, "multipleOf"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "minItems"),
        ({"$ref": "https://example.com/s.json"}, "External $ref"),
        ({"$ref": "#"}, "Recursive"),
        ({"$ref": "#/$defs/Missing"}, "Unresolvable"),
        ({"oneOf": [{"type": "string"}]}, "oneOf"),
        ({"description": "anything"}, "must have a 'type'"),
        ({**SCHEMA, "properties": {str(n): {"type": "string"} for n in range(25)}, "required": []}, "optional"),
        ({"type": "text"}, "Unknown schema type"),
    ],
)
def test_claude_rejects_unsupported_schemas(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"output_config\.format\.schema"):
        validate_body(with_schema(schema), NEW)
    with pytest.raises(UnsupportedSchemaError) as caught:
        check_schema(schema)
    assert message in str(caught.value)


def test_fill_uses_known_values_and_defaults() -> None:
    schema = {
        "type": "object",
        "properties": {
            "category": {"type": "string", "enum": ["GOTHIC", "CHASE"]},
            "prompt": {"$ref": "#/$defs/Text"},
            "version": {"const": 2},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "flag": {"type": "boolean"},
        },
        "$defs": {"Text": {"type": "string"}},
    }
    filled = fill(schema, {"category": "chase", "prompt": "POV"})
    assert filled == {"category": "CHASE", "prompt": "POV", "version": 2, "maybe": 0, "tags": [""], "flag": False}


VIDEO = {"model": "gen4.5", "promptText": "a river", "ratio": "1280:720", "duration": 5}


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"duration": 1}, "too_small", ["duration"]),
        ({"duration": 11}, "too_big", ["duration"]),
        ({"duration": 5.5}, "invalid_type", ["duration"]),
        ({"duration": "5"}, "invalid_type", ["duration"]),
        ({"duration": True}, "invalid_type", ["duration"]),
        ({"duration": ...}, "invalid_type", ["duration"]),
        ({"duration": float("inf")}, "invalid_type", ["duration"]),
        ({"ratio": "16:9"}, "invalid_value", ["ratio"]),
        ({"ratio": "1920:1080"}, "invalid_value", ["ratio"]),
        ({"ratio": ...}, "invalid_value", ["ratio"]),
        ({"promptText": ""}, "too_small", ["promptText"]),
        ({"promptText": "🌊" * 501}, "too_big", ["promptText"]),
        ({"promptText": ...}, "invalid_type", ["promptText"]),
        ({"promptText": None}, "invalid_type", ["promptText"]),
        ({"seed": -1}, "too_small", ["seed"]),
        ({"seed": 2**32}, "too_big", ["seed"]),
        ({"prompt": "x"}, "unrecognized_keys", []),
        ({"audio": True}, "unrecognized_keys", []),
        ({"contentModeration": {"publicFigureThreshold": "high"}}, "invalid_value", None),
        ({"contentModeration": {"x": 1}}, "unrecognized_keys", ["contentModeration"]),
        ({"model": "gen3a_turbo"}, "invalid_union", ["model"]),
        ({"model": ...}, "invalid_type", ["model"]),
        ({"model": "veo3.1", "duration": 5}, "invalid_value", ["duration"]),
    ],
)
def test_runway_rejects_invalid_body(change: dict[str, Any], code: str, path: list[str] | None) -> None:
    request_body = {name: value for name, value in {**VIDEO, **change}.items() if value is not ...}
    with pytest.raises(InvalidBodyError) as caught:
        validate_request(request_body)
    issue = caught.value.issues[0]
    assert issue["code"] == code
    assert issue["path"] == (["contentModeration", "publicFigureThreshold"] if path is None else path)
    assert issue["message"]


@pytest.mark.parametrize(
    ("change", "credits", "size"),
    [
        ({}, 60, (1280, 720)),
        ({"duration": 10, "ratio": "720:1280", "seed": 1}, 120, (720, 1280)),
        ({"promptText": "🌊" * 500, "contentModeration": {"publicFigureThreshold": "low"}}, 60, (1280, 720)),
        ({"model": "veo3.1", "duration": 8, "ratio": "1920:1080"}, 320, (1920, 1080)),
        ({"model": "veo3.1_fast", "duration": 4, "audio": False}, 40, (1280, 720)),
    ],
)
def test_runway_accepts_valid_body(change: dict[str, Any], credits: int, size: tuple[int, int]) -> None:
    request = validate_request({**VIDEO, **change})
    assert (request.credits, (request.width, request.height)) == (credits, size)


def test_fault_markers_are_parsed_and_removed() -> None:
    text = "I fell [[claude:slow:2.5]] up [[runway:safety]][[claude:bad]] and [[claude:unknown_kind:]] down"
    assert faults_in(text, "claude") == (Fault("slow", 2.5), Fault("bad"))
    assert faults_in(text, "runway") == (Fault("safety"),)
    assert without_fault_markers(text).split() == ["I", "fell", "up", "and", "down"]


def test_queued_faults_are_taken_in_order_and_unknown_ones_rejected() -> None:
    queue = FaultQueue(CLAUDE_KINDS)
    assert queue.extend([{"kind": "auth"}, {"kind": "slow", "amount": 1}]) == 2
    with pytest.raises(UnknownFaultError):
        queue.extend([{"kind": "safety"}])
    assert [queue.take(), queue.take(), queue.take()] == [Fault("auth"), Fault("slow", 1.0), None]


def test_link_is_valid_only_for_its_path_and_lifetime() -> None:
    now = [1000.0]
    signer = LinkSigner(b"secret", lambda: now[0])
    token = signer.sign("/outputs/a.mp4", 60).partition("_jwt=")[2]
    signer.check("/outputs/a.mp4", token)
    for path, wrong in [("/outputs/b.mp4", token), ("/outputs/a.mp4", token[:-2] + "xx"), ("/outputs/a.mp4", "")]:
        with pytest.raises(InvalidLinkError):
            signer.check(path, wrong)
    now[0] += 60
    with pytest.raises(InvalidLinkError):
        signer.check("/outputs/a.mp4", token)
