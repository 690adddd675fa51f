"""Request validation of the Messages API, with the API's own messages. Only the first violation is reported."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from local.sandbox.claude.models import BY_NAME, ClaudeModel
from local.sandbox.claude.schema import UnsupportedSchemaError, check_schema

VERSIONS = ("2023-06-01", "2026-10-21")
_FIELDS = frozenset(
    {
        "model", "messages", "max_tokens", "system", "metadata", "stop_sequences", "stream", "temperature", "top_k",
        "top_p", "tools", "tool_choice", "thinking", "output_config", "service_tier", "cache_control", "container",
        "inference_geo", "diagnostics", "speed",
    }
)  # fmt: skip
_SAMPLING = ("temperature", "top_k", "top_p")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_BLOCKS = frozenset(
    {
        "text", "image", "document", "search_result", "thinking", "redacted_thinking", "tool_use", "tool_result",
        "server_tool_use", "web_search_tool_result", "container_upload",
    }
)  # fmt: skip
_MIN_THINKING_TOKENS = 1024


class InvalidRequestError(Exception):
    """The request is invalid. ``status`` is the HTTP status and ``kind`` the ``error.type`` of the response."""

    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Call:
    """A valid request: the model, the body and the parameters that determine the response."""

    model: ClaudeModel
    body: Mapping[str, Any]
    max_tokens: int
    effort: str
    thinks: bool
    schema: Mapping[str, Any] | None
    forced_tool: Mapping[str, Any] | None


def validate_body(body: object, version: str) -> Call:
    """Validate a decoded body for an API ``version``.

    Raises:
        InvalidRequestError: the body is invalid (400) or the model is unknown (404).
    """
    if not isinstance(body, dict):
        raise InvalidRequestError("Input should be a valid dictionary")
    _check_fields(body, version)
    model = BY_NAME.get(body["model"])
    if model is None:
        raise InvalidRequestError(f"model: {body['model']}", 404, "not_found_error")
    _check_max_tokens(body["max_tokens"], model)
    _check_messages(body["messages"], model)
    _check_system(body.get("system"))
    _check_sampling(body)
    thinks = _check_thinking(body, model)
    effort, schema = _check_output_config(body, model)
    return Call(model, body, body["max_tokens"], effort, thinks, schema, _check_tools(body, model))


def _check_fields(body: Mapping[str, Any], version: str) -> None:
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise InvalidRequestError(f"{name}: Field required")
    allowed = _FIELDS if version == VERSIONS[0] else _FIELDS - set(_SAMPLING)
    for name in body:
        if name not in allowed:
            raise InvalidRequestError(f"{name}: Extra inputs are not permitted")
    if not isinstance(body["model"], str):
        raise InvalidRequestError("model: Input should be a valid string")
    if not isinstance(body.get("stream", False), bool):
        raise InvalidRequestError("stream: Input should be a valid boolean")
    stops = body.get("stop_sequences", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequestError("stop_sequences: Input should be a valid list")
    metadata = body.get("metadata", {})
    if not isinstance(metadata, dict) or set(metadata) - {"user_id"}:
        raise InvalidRequestError("metadata: Extra inputs are not permitted")


def _check_max_tokens(value: object, model: ClaudeModel) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRequestError("max_tokens: Input should be a valid integer")
    if value < 1:
        raise InvalidRequestError("max_tokens: Input should be greater than or equal to 1")
    if value > model.max_output_tokens:
        raise InvalidRequestError(
            f"max_tokens: {value} > {model.max_output_tokens}, which is the maximum allowed number of output tokens "
            f"for {model.id}"
        )


def _check_messages(messages: object, model: ClaudeModel) -> None:
    if not isinstance(messages, list):
        raise InvalidRequestError("messages: Input should be a valid list")
    if not messages:
        raise InvalidRequestError("messages: at least one message is required")
    for index, message in enumerate(messages):
        _check_message(message, f"messages.{index}")
    if messages[0]["role"] != "user":
        raise InvalidRequestError('messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant" and not model.takes_prefill:
        raise InvalidRequestError(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_message(message: object, at: str) -> None:
    if not isinstance(message, dict):
        raise InvalidRequestError(f"{at}: Input should be a valid dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise InvalidRequestError(f"{at}.{name}: Field required")
    for name in message:
        if name not in ("role", "content"):
            raise InvalidRequestError(f"{at}.{name}: Extra inputs are not permitted")
    if message["role"] not in ("user", "assistant"):
        raise InvalidRequestError(f"{at}.role: Input should be 'user' or 'assistant'")
    _check_content(message["content"], f"{at}.content")


def _check_content(content: object, at: str) -> None:
    if isinstance(content, str):
        if not content:
            raise InvalidRequestError(f"{at.removesuffix('.content')}: user messages must have non-empty content")
        return
    if not isinstance(content, list):
        raise InvalidRequestError(f"{at}: Input should be a valid list")
    if not content:
        raise InvalidRequestError(f"{at.removesuffix('.content')}: user messages must have non-empty content")
    for index, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in _BLOCKS:
            raise InvalidRequestError(f"{at}.{index}: Input tag '{kind}' found using 'type' does not match any tag")
        if kind == "text":
            _check_text(block, f"{at}.{index}.text")


def _check_text(block: Mapping[str, Any], at: str) -> None:
    if not isinstance(block.get("text"), str):
        raise InvalidRequestError(f"{at}.text: Field required")
    if not block["text"]:
        raise InvalidRequestError("messages: text content blocks must be non-empty")
    for name in block:
        if name not in ("type", "text", "cache_control", "citations"):
            raise InvalidRequestError(f"{at}.{name}: Extra inputs are not permitted")


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise InvalidRequestError("system: Input should be a valid list")
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise InvalidRequestError(f"system.{index}.type: Input should be 'text'")
        _check_text(block, f"system.{index}")


def _check_sampling(body: Mapping[str, Any]) -> None:
    for name in ("temperature", "top_p"):
        value = body.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidRequestError(f"{name}: Input should be a valid number")
        if not 0 <= value <= 1:
            raise InvalidRequestError(f"{name}: range: 0..1")


def _check_thinking(body: Mapping[str, Any], model: ClaudeModel) -> bool:
    thinking = body.get("thinking")
    if thinking is None:
        return model.thinks_by_default
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in ("enabled", "disabled", "adaptive", "between_tools"):
        raise InvalidRequestError(f"thinking: Input tag '{kind}' found using 'type' does not match any tag")
    if kind not in model.thinking_types:
        raise InvalidRequestError(f'thinking: type "{kind}" is not supported for this model.')
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < _MIN_THINKING_TOKENS:
            raise InvalidRequestError(
                f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_MIN_THINKING_TOKENS}"
            )
        if budget >= body["max_tokens"]:
            raise InvalidRequestError("`max_tokens` must be greater than `thinking.budget_tokens`.")
    effort = (body.get("output_config") or {}).get("effort")
    if kind == "between_tools" and effort in ("xhigh", "max"):
        raise InvalidRequestError(f'thinking: type "between_tools" is not supported with effort "{effort}".')
    return kind in ("enabled", "adaptive")


def _check_output_config(body: Mapping[str, Any], model: ClaudeModel) -> tuple[str, Mapping[str, Any] | None]:
    config = body.get("output_config")
    if config is None:
        return "high", None
    if not isinstance(config, dict):
        raise InvalidRequestError("output_config: Input should be a valid dictionary")
    for name in config:
        if name not in ("effort", "format", "task_budget"):
            raise InvalidRequestError(f"output_config.{name}: Extra inputs are not permitted")
    effort = config.get("effort")
    if effort is not None and not model.takes_effort:
        raise InvalidRequestError("This model does not support the effort parameter.")
    if effort is not None and effort not in _EFFORTS:
        expected = ", ".join(f"'{one}'" for one in _EFFORTS[:-1])
        raise InvalidRequestError(f"output_config.effort: Input should be {expected} or '{_EFFORTS[-1]}'")
    return effort or "high", _check_format(config.get("format"))


def _check_format(wanted: object) -> Mapping[str, Any] | None:
    if wanted is None:
        return None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise InvalidRequestError("output_config.format.type: Input should be 'json_schema'")
    for name in wanted:
        if name not in ("type", "schema"):
            raise InvalidRequestError(f"output_config.format.{name}: Extra inputs are not permitted")
    schema = wanted.get("schema")
    if not isinstance(schema, dict):
        raise InvalidRequestError("output_config.format.schema: Field required")
    try:
        check_schema(schema)
    except UnsupportedSchemaError as error:
        raise InvalidRequestError(f"output_config.format.schema: {error}") from error
    return schema


def _check_tools(body: Mapping[str, Any], model: ClaudeModel) -> Mapping[str, Any] | None:
    tools = list(_named_tools(body.get("tools") or []))
    choice = body.get("tool_choice") or {"type": "auto"}
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in ("auto", "any", "tool", "none"):
        raise InvalidRequestError(f"tool_choice: Input tag '{kind}' found using 'type' does not match any tag")
    if kind in ("auto", "none"):
        return None
    if not model.takes_forced_tools:
        raise InvalidRequestError('tool_choice: type "tool" and "any" are not supported for this model.')
    for tool in tools:
        if kind == "any" or tool["name"] == choice.get("name"):
            return tool
    raise InvalidRequestError(f"tool_choice.name: Tool '{choice.get('name')}' not found in provided tools")


def _named_tools(tools: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(tools, list):
        raise InvalidRequestError("tools: Input should be a valid list")
    for index, tool in enumerate(tools):
        for name in ("name", "input_schema"):
            if not isinstance(tool, dict) or name not in tool:
                raise InvalidRequestError(f"tools.{index}.custom.{name}: Field required")
        yield tool
