"""Build the AsyncAPI document of the WebSocket API from the models of its messages."""

import inspect
from collections.abc import Iterable

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dreamvision.database.health import VERSION
from dreamvision.schemas.realtime import (
    DreamAnalyzed,
    MessageProblem,
    Ping,
    Pong,
    Reconnect,
    Sync,
    Synced,
    VideoUpdated,
)
from local.openapi.components import Schema
from local.openapi.examples import example_of
from local.openapi.simplification import cleaned, without_null

_CHANNEL = "updates"
_REF = "#/components/schemas/{model}"
EVENTS: tuple[type[BaseModel], ...] = (VideoUpdated, DreamAnalyzed)
SENT: tuple[type[BaseModel], ...] = (*EVENTS, Synced, Pong, MessageProblem, Reconnect)
RECEIVED: tuple[type[BaseModel], ...] = (Ping, Sync)
_REPLIES: dict[type[BaseModel], tuple[type[BaseModel], ...]] = {
    Ping: (Pong, MessageProblem, Reconnect),
    Sync: (*EVENTS, Synced, MessageProblem, Reconnect),
}


def build_asyncapi() -> Schema:
    """Return the AsyncAPI 3.0 document. The described application is the service: it *sends* what clients get."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "DreamVision WebSocket API",
            "version": VERSION,
            "description": "Every change of the user's own videos, within a second. How to connect and catch up:"
            " `docs/REALTIME.md`.",
            "license": {"name": "MIT"},
            "tags": [{"name": "Videos"}],
        },
        "defaultContentType": "application/json",
        "servers": {"service": _server()},
        "channels": {_CHANNEL: _channel()},
        "operations": dict(_operations()),
        "components": {
            "messages": {model.__name__: _message(model, schemas) for model in (*SENT, *RECEIVED)},
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _server() -> Schema:
    return {
        "host": "{host}",
        "protocol": "wss",
        "description": "The stack's output `WebSocketUrl`.",
        "variables": {"host": {"description": "Host and, without a domain of its own, the stage."}},
        "security": [{"$ref": "#/components/securitySchemes/accessToken"}],
    }


def _channel() -> Schema:
    headers = {
        "Authorization": {"type": "string", "description": "`Bearer` and the access token."},
        "Sec-WebSocket-Protocol": {
            "type": "string",
            "description": "`dreamvision`; from a browser, which cannot set headers, also `bearer.` and the token.",
        },
    }
    return {
        "address": "/",
        "description": "One connection of a signed-in user.",
        "messages": {
            model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in (*SENT, *RECEIVED)
        },
        "bindings": {"ws": {"headers": {"type": "object", "properties": headers}, "bindingVersion": "0.1.0"}},
    }


def _operations() -> Iterable[tuple[str, Schema]]:
    channel = {"$ref": f"#/channels/{_CHANNEL}"}
    yield (
        "sendUpdates",
        {
            "action": "send",
            "channel": channel,
            "description": "What the server sends without being asked.",
            "messages": _references((*EVENTS, Reconnect)),
        },
    )
    for model, replies in _REPLIES.items():
        yield (
            f"receive{model.__name__}",
            {
                "action": "receive",
                "channel": channel,
                "description": _summary(model),
                "messages": _references((model,)),
                "reply": {"channel": channel, "messages": _references(replies)},
            },
        )


def _references(models: Iterable[type[BaseModel]]) -> list[Schema]:
    return [{"$ref": f"#/channels/{_CHANNEL}/messages/{model.__name__}"} for model in models]


def _message(model: type[BaseModel], schemas: dict[str, Schema]) -> Schema:
    kind = model.model_fields["type"].default if model in SENT else model.__name__.lower()
    reference = {"$ref": _REF.format(model=model.__name__)}
    return {
        "name": kind,
        "title": kind,
        "summary": _summary(model),
        "payload": reference,
        "examples": [{"payload": example_of(reference, schemas)}],
    }


def _summary(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").partition("\n")[0]


def _schemas() -> dict[str, Schema]:
    _, found = models_json_schema([(model, "serialization") for model in (*SENT, *RECEIVED)], ref_template=_REF)
    schemas: dict[str, Schema] = {name: cleaned(schema) for name, schema in found["$defs"].items()}
    for schema in schemas.values():
        _omit_null(schema)
    return dict(sorted(schemas.items()))


def _omit_null(schema: Schema) -> None:
    """Make the fields that may be ``null`` optional, since messages are sent without them."""
    for name, field in schema.get("properties", {}).items():
        present = without_null(field)
        if present is field:
            continue
        rest = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
        if rest.get("examples") == [None]:
            del rest["examples"]
        schema["properties"][name] = {**present, **rest}
        schema["required"].remove(name)
