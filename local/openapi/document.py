"""The whole document: one for all functions. Two schemas of one name are an error, never overwritten."""

import copy
import json
from typing import Any

from dreamvision.database.health import VERSION
from local.openapi.components import HEADERS, REQUEST_HEADERS, SCHEMAS, SECURITY_SCHEMES, TAGS, Schema
from local.openapi.functions import ApiFunction, OpenApiError, Operation, api_functions
from local.openapi.links import add_links
from local.openapi.operations import Responses
from local.settings import REPOSITORY

_METHODS = ("get", "post", "put", "patch", "delete")
_POWERTOOLS_ERRORS = {"HTTPValidationError", "ValidationError", "ResponseValidationError"}
_INTRODUCTION = REPOSITORY / "docs" / "api" / "introduction.md"


def build() -> Schema:
    """The OpenAPI 3.1 document.

    Raises:
        OpenApiError: something does not fit together.
    """
    functions = list(api_functions())
    schemas = _schemas(functions)
    responses = Responses(schemas)
    operations = [operation for function in functions for operation in function.operations]
    paths = _paths(operations, responses)
    add_links(paths, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "DreamVision API",
            "version": VERSION,
            "summary": "Turns the text of a dream into a short video.",
            "description": _INTRODUCTION.read_text().strip(),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "The server that serves this document."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if _uses_tag(paths, name)],
        "paths": paths,
        "components": {
            "schemas": _used(schemas, [paths, responses.shared]),
            "responses": dict(sorted(responses.shared.items())),
            "parameters": {
                name: {"name": name, "in": "header", "required": False, **header}
                for name, header in REQUEST_HEADERS.items()
                if f'"#/components/parameters/{name}"' in json.dumps(paths)
            },
            "headers": {
                name: header
                for name, header in HEADERS.items()
                if f'"#/components/headers/{name}"' in json.dumps([paths, responses.shared])
            },
            "securitySchemes": SECURITY_SCHEMES,
        },
    }
    tidied: Schema = _tidied(document)
    return tidied


def _schemas(functions: list[ApiFunction]) -> dict[str, Schema]:
    found: dict[str, Schema] = copy.deepcopy(dict(SCHEMAS))
    for function in functions:
        for name, schema in function.schemas.items():
            if name in _POWERTOOLS_ERRORS:
                continue
            if not name.isidentifier() or "__" in name:
                raise OpenApiError(f"{function.name}: two of its models are called {name.rpartition('__')[2]}")
            if found.setdefault(name, schema) != schema:
                raise OpenApiError(f"{function.name}: another function has a different model {name}")
    return found


def _paths(operations: list[Operation], responses: Responses) -> dict[str, dict[str, Schema]]:
    paths: dict[str, dict[str, Schema]] = {}
    ids: set[str] = set()
    tags = list(TAGS)
    for operation in operations:
        made = responses.operation(operation)
        if not made.get("tags") or set(made["tags"]) - set(tags):
            raise OpenApiError(f"{operation.key}: its tags have to be among {tags}")
        if made["operationId"] in ids:
            raise OpenApiError(f"{operation.key}: another operation is called {made['operationId']} as well")
        ids.add(made["operationId"])
        paths.setdefault(operation.path, {})[operation.method] = made
    by_tag = sorted(paths.items(), key=lambda item: tags.index(next(iter(item[1].values()))["tags"][0]))
    return {path: {method: item[method] for method in _METHODS if method in item} for path, item in by_tag}


def _uses_tag(paths: dict[str, dict[str, Schema]], tag: str) -> bool:
    return any(tag in operation["tags"] for item in paths.values() for operation in item.values())


def _used(schemas: dict[str, Schema], roots: list[Any]) -> dict[str, Schema]:
    """The schemas that something refers to, by their names."""
    used: set[str] = set()
    open_ends = [json.dumps(roots)]
    while open_ends:
        text = open_ends.pop()
        for name in schemas.keys() - used:
            if f'"#/components/schemas/{name}"' in text:
                used.add(name)
                open_ends.append(json.dumps(schemas[name]))
    return {name: schemas[name] for name in sorted(used)}


def _tidied(node: Any, *, named: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Without the titles that only repeat a field's name, and with whole numbers as such.

    ``named`` is whether the keys of ``node`` are names that somebody chose, and no words of OpenAPI.
    """
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if not isinstance(node, dict):
        return node
    is_schema = not named and ("type" in node or "anyOf" in node or "$ref" in node or "const" in node)
    return {
        key: each
        if key in ("example", "examples", "value") and not named
        else _tidied(each, named=_holds_names(key, named))
        for key, each in node.items()
        if not (is_schema and key == "title" and isinstance(each, str))
    }


def _holds_names(key: str, named: bool) -> bool:
    return not named and key in ("properties", "schemas", "parameters", "responses", "headers", "paths", "links")
