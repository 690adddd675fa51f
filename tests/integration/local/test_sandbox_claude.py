"""The sandbox Claude, tested with the vendor's SDK."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import pytest

from local.sandbox import CLAUDE_KEY
from local.sandbox.server import SandboxServers

DREAM = "I was flying over mountains, floating between golden clouds, and silver birds soared beside me."
CATEGORIES = ["gothic", "chase", "flight", "transformation", "physics", "liminal"]
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": CATEGORIES},
        "template": {"type": "string", "enum": [name.upper() for name in CATEGORIES]},
        "confidence": {"type": "number"},
        "prompt": {"type": "string"},
    },
    "required": ["category", "template", "confidence", "prompt"],
    "additionalProperties": False,
}
HEADERS = {"x-api-key": CLAUDE_KEY, "anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def servers() -> Iterator[SandboxServers]:
    with SandboxServers(render_seconds=0.5, claude_seconds=0.0) as running:
        yield running


@pytest.fixture
def client(servers: SandboxServers) -> Iterator[anthropic.Anthropic]:
    servers.claude.reset()
    with anthropic.Anthropic(base_url=servers.claude_url, api_key=CLAUDE_KEY, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def raw(servers: SandboxServers) -> Iterator[httpx.Client]:
    servers.claude.reset()
    with httpx.Client(base_url=servers.claude_url, headers=HEADERS, timeout=10) as client:
        yield client


def ask(
    client: anthropic.Anthropic, dream: str = DREAM, model: str = "claude-sonnet-5-5", **options: Any
) -> anthropic.types.Message:
    messages = options.pop("messages", [{"role": "user", "content": f"<dream>{dream}</dream>"}])
    format_ = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    message: anthropic.types.Message = client.messages.create(
        model=model, max_tokens=options.pop("max_tokens", 2000), messages=messages, **{**format_, **options}
    )
    return message


def content_of(message: anthropic.types.Message) -> dict[str, Any]:
    return json.loads(next(block.text for block in message.content if block.type == "text"))  # type: ignore[no-any-return]


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-sonnet-5"])
def test_five_x_models_think_first_and_respond_in_the_schema(client: anthropic.Anthropic, model: str) -> None:
    message = ask(client, model=model)
    assert [block.type for block in message.content] == ["thinking", "text"]
    content = content_of(message)
    assert list(content) == ["category", "template", "confidence", "prompt"]
    assert (content["category"], content["template"]) == ("flight", "FLIGHT")
    assert 0 <= content["confidence"] <= 1
    assert content["prompt"].startswith("POV")
    assert "golden clouds" in content["prompt"]
    assert (message.stop_reason, message.model, message.role) == ("end_turn", model, "assistant")
    assert message._request_id is not None


def test_thinking_only_between_tools_yields_no_thinking_block(
    client: anthropic.Anthropic,
) -> None:
    config: Any = {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}
    message = ask(client, thinking={"type": "between_tools"}, output_config=config)
    assert [block.type for block in message.content] == ["text"]


@pytest.mark.filterwarnings("ignore:The model 'claude-sonnet-4-5.* is deprecated")
def test_sonnet_4_5_responds_under_its_dated_id_without_thinking(client: anthropic.Anthropic) -> None:
    message = ask(client, model="claude-sonnet-4-5")
    assert message.model == "claude-sonnet-4-5-20250929"
    assert [block.type for block in message.content] == ["text"]
    assert content_of(message)["category"] == "flight"


def test_usage_is_four_characters_per_token_and_higher_on_five_x(client: anthropic.Anthropic) -> None:
    system = "You write prompts. " * 100
    old = ask(client, model="claude-sonnet-4-6", system=system).usage
    new = ask(client, system=system, thinking={"type": "between_tools"}).usage
    assert 475 < old.input_tokens < 800
    assert new.input_tokens == pytest.approx(old.input_tokens * 1.3, rel=0.05)
    assert 100 < old.output_tokens < 300
    assert new.output_tokens == pytest.approx(old.output_tokens * 1.3, rel=0.05)


def test_long_system_prompt_with_cache_control_is_cached(client: anthropic.Anthropic) -> None:
    system = [{"type": "text", "text": "Rules. " * 600, "cache_control": {"type": "ephemeral"}}]
    first, second = ask(client, system=system).usage, ask(client, system=system).usage
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens == 1365
    assert first.cache_read_input_tokens == second.cache_creation_input_tokens == 0
    short = [{"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}]
    assert ask(client, system=short).usage.cache_creation_input_tokens == 0


def test_response_has_the_vendors_headers(raw: httpx.Client) -> None:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": DREAM}]}
    reply = raw.post("/v1/messages", json=body)
    assert reply.headers["request-id"].startswith("req_")
    assert reply.headers["anthropic-organization-id"]
    assert int(reply.headers["anthropic-ratelimit-tokens-remaining"]) > 0
    assert reply.headers["content-type"] == "application/json"


def test_request_without_a_schema_gets_text(client: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": DREAM}]}]
    message = client.messages.create(model="claude-sonnet-4-6", max_tokens=500, messages=messages)
    assert message.content[0].type == "text"
    assert message.content[0].text.startswith("CATEGORY: flight\nTEMPLATE: FLIGHT\nPROMPT: POV")


def test_forced_tool_is_used_on_models_that_support_it(client: anthropic.Anthropic) -> None:
    message = client.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=500,
        messages=[{"role": "user", "content": DREAM}],
        tools=[{"name": "emit", "description": "d", "input_schema": SCHEMA}],
        tool_choice={"type": "tool", "name": "emit"},
    )
    (block,) = message.content
    assert message.stop_reason == "tool_use"
    assert block.type == "tool_use"
    assert block.input["category"] == "flight"


def test_streaming_token_counting_and_models_are_supported(client: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": DREAM}]
    with client.messages.stream(model="claude-sonnet-5-5", max_tokens=2000, messages=messages) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.stop_reason == "end_turn"
    assert client.messages.count_tokens(model="claude-sonnet-5-5", messages=messages).input_tokens > 20
    assert "claude-sonnet-5-5" in [model.id for model in client.models.list()]
    assert client.models.retrieve("claude-sonnet-4-5").id == "claude-sonnet-4-5-20250929"


def test_repair_turn_uses_the_original_dream(client: anthropic.Anthropic) -> None:
    dream = DREAM + " [[claude:bad_once]]"
    first = content_of(ask(client, dream))
    assert not first["prompt"].startswith("POV")
    assert first["template"] != first["category"].upper()
    turns = [
        {"role": "user", "content": f"<dream>{dream}</dream>"},
        {"role": "assistant", "content": json.dumps(first)},
        {"role": "user", "content": "The prompt must start with POV. Answer again."},
    ]
    repaired = content_of(ask(client, messages=turns))
    assert repaired["prompt"].startswith("POV")
    assert (repaired["category"], repaired["template"]) == ("flight", "FLIGHT")


def test_bad_fault_applies_to_repair_turns_too(client: anthropic.Anthropic) -> None:
    turns = [
        {"role": "user", "content": DREAM + " [[claude:bad]]"},
        {"role": "assistant", "content": "{}"},
        {"role": "user", "content": "Again."},
    ]
    assert not content_of(ask(client, messages=turns))["prompt"].startswith("POV")


def test_too_long_fault_exceeds_runways_prompt_limit(client: anthropic.Anthropic) -> None:
    prompt = content_of(ask(client, DREAM + " [[claude:too_long]]"))["prompt"]
    assert len(prompt.encode("utf-16-le")) // 2 >= 1200


def test_refusal_is_a_200_without_content(client: anthropic.Anthropic) -> None:
    message = ask(client, DREAM + " [[claude:refusal]]")
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None
    assert message.stop_details.type == "refusal"


@pytest.mark.parametrize(("dream", "max_tokens"), [(DREAM + " [[claude:max_tokens]]", 2000), (DREAM, 260), (DREAM, 20)])
def test_max_tokens_truncates_the_json(client: anthropic.Anthropic, dream: str, max_tokens: int) -> None:
    message = ask(client, dream, max_tokens=max_tokens)
    text = "".join(block.text for block in message.content if block.type == "text")
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens <= max_tokens
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(text)


def test_malformed_fault_yields_invalid_json(client: anthropic.Anthropic) -> None:
    message = ask(client, DREAM + " [[claude:malformed]]")
    assert message.stop_reason == "end_turn"
    with pytest.raises(ValueError, match="Expecting"):
        content_of(message)


@pytest.mark.parametrize(
    ("fault", "error", "status", "kind"),
    [
        ("overloaded", anthropic.InternalServerError, 529, "overloaded_error"),
        ("rate_limit", anthropic.RateLimitError, 429, "rate_limit_error"),
        ("error", anthropic.InternalServerError, 500, "api_error"),
        ("auth", anthropic.AuthenticationError, 401, "authentication_error"),
    ],
)
def test_fault_markers_yield_the_vendors_errors(
    client: anthropic.Anthropic, fault: str, error: type[anthropic.APIStatusError], status: int, kind: str
) -> None:
    with pytest.raises(error) as caught:
        ask(client, f"{DREAM} [[claude:{fault}]]")
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind  # type: ignore[index]
    assert caught.value.body["request_id"] == caught.value.request_id  # type: ignore[index]
    if fault == "rate_limit":
        assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("fault", ["overloaded_once", "rate_limit_once:0.01", "error_once", "timeout_once:0.05"])
def test_one_time_faults_succeed_on_retry(client: anthropic.Anthropic, fault: str) -> None:
    assert content_of(ask(client.with_options(max_retries=1), f"{DREAM} [[claude:{fault}]]"))["category"] == "flight"


def test_garbage_fault_is_a_200_with_html(raw: httpx.Client) -> None:
    content = DREAM + " [[claude:garbage]]"
    body = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": content}]}
    reply = raw.post("/v1/messages", json=body)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/html")


def test_timeout_fault_never_responds_and_slow_fault_does(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        ask(client.with_options(timeout=0.3), DREAM + " [[claude:timeout]]")
    with pytest.raises(anthropic.APITimeoutError):
        ask(client.with_options(timeout=0.3), DREAM + " [[claude:slow]]")
    assert content_of(ask(client, DREAM + " [[claude:slow:0.1]]"))["category"] == "flight"


def test_stopping_the_servers_releases_waiting_clients() -> None:
    outcome: list[type[BaseException]] = []

    def wait_forever(url: str) -> None:
        with anthropic.Anthropic(base_url=url, api_key=CLAUDE_KEY, max_retries=0, timeout=50) as client:
            try:
                ask(client, DREAM + " [[claude:timeout]]")
            except anthropic.APIConnectionError as error:
                outcome.append(type(error))

    with SandboxServers(claude_seconds=0.0) as servers:
        waiting = threading.Thread(target=wait_forever, args=(servers.claude_url,))
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(10)
    assert outcome == [anthropic.APIConnectionError]


@pytest.mark.parametrize(
    ("headers", "status", "kind", "message"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error", "x-api-key header is required"),
        (
            {"x-api-key": "sk-ant-wrong", "anthropic-version": "2023-06-01"},
            401,
            "authentication_error",
            "invalid x-api",
        ),
        ({"authorization": "Bearer no", "anthropic-version": "2023-06-01"}, 401, "authentication_error", "bearer"),
        ({"x-api-key": CLAUDE_KEY}, 400, "invalid_request_error", "anthropic-version: header is required"),
        ({"x-api-key": CLAUDE_KEY, "anthropic-version": "2020-01-01"}, 400, "invalid_request_error", "not a valid"),
    ],
)
def test_invalid_headers_are_rejected(
    servers: SandboxServers, headers: dict[str, str], status: int, kind: str, message: str
) -> None:
    reply = httpx.post(f"{servers.claude_url}/v1/messages", headers=headers, json={})
    assert reply.status_code == status
    body = reply.json()
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert message in body["error"]["message"]
    assert body["request_id"] == reply.headers["request-id"]


def test_invalid_json_unknown_routes_and_models_yield_the_vendors_errors(raw: httpx.Client) -> None:
    assert "not valid JSON" in raw.post("/v1/messages", content="{nope").json()["error"]["message"]
    assert raw.get("/v1/nothing").json()["error"]["type"] == "not_found_error"
    assert raw.get("/v1/messages").status_code == 405
    body = {"model": "claude-2.1", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    reply = raw.post("/v1/messages", json=body)
    assert (reply.status_code, reply.json()["error"]["message"]) == (404, "model: claude-2.1")


def test_sampling_parameters_are_accepted_only_in_the_old_version(raw: httpx.Client) -> None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "temperature": 1,
        "messages": [{"role": "user", "content": "x"}],
    }
    assert raw.post("/v1/messages", json=body).status_code == 200
    reply = raw.post("/v1/messages", json=body, headers={"anthropic-version": "2026-10-21"})
    assert (reply.status_code, reply.json()["error"]["message"]) == (400, "temperature: Extra inputs are not permitted")


@pytest.mark.parametrize("dream", ["طرت فوق البحر مع أخي 🌊🦋 وكان القمر", "חלמתי על ים 🌊", "\U0001f631" * 50])
def test_every_script_gets_a_prompt(client: anthropic.Anthropic, dream: str) -> None:
    assert content_of(ask(client, dream))["prompt"].startswith("POV")


def test_control_routes_report_requests_queue_faults_and_reset(
    client: anthropic.Anthropic, servers: SandboxServers
) -> None:
    url = servers.claude_url
    assert httpx.get(f"{url}/_sandbox/health").json() == {"status": "healthy"}
    queued = httpx.post(f"{url}/_sandbox/faults", json={"next": [{"kind": "error"}, {"kind": "refusal"}]})
    assert queued.json() == {"waiting": 2}
    with pytest.raises(anthropic.InternalServerError):
        ask(client)
    assert ask(client).stop_reason == "refusal"
    assert ask(client).stop_reason == "end_turn"
    report = httpx.get(f"{url}/_sandbox/requests", params={"contains": "golden clouds"}).json()
    assert report["count"] == 3
    assert [entry["status"] for entry in report["requests"]] == [500, 200, 200]
    assert [entry["stop_reason"] for entry in report["requests"]] == [None, "refusal", "end_turn"]
    assert all({"at", "model", "duration_ms"} <= entry.keys() for entry in report["requests"])
    assert DREAM not in json.dumps(report)
    assert httpx.get(f"{url}/_sandbox/requests", params={"contains": "no such"}).json()["count"] == 0
    assert httpx.post(f"{url}/_sandbox/faults", json={"next": [{"kind": "nonsense"}]}).status_code == 400
    assert httpx.post(f"{url}/_sandbox/faults", json=[]).status_code == 400
    assert httpx.get(f"{url}/_sandbox/nothing").status_code == 404
    assert httpx.post(f"{url}/_sandbox/reset").status_code == 204
    assert httpx.get(f"{url}/_sandbox/requests").json()["count"] == 0
