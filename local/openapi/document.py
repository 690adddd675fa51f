"""Build one OpenAPI document for all functions. Two different schemas with the same name are an error."""

import copy
import json
from typing import Any

from dreamvision.database.health import VERSION
from local.openapi.components import HEADERS, REQUEST_HEADERS, SCHEMAS, SECURITY_SCHEMES, TAGS, Schema
from local.openapi.functions import ApiFunction, OpenApiError, Operation, api_functions
from local.openapi.links import add_links
from local.openapi.operations import Responses
from local.openapi.simplification import cleaned
from local.settings import REPOSITORY

_METHODS = ("get", "post", "put", "patch", "delete")
_POWERTOOLS_ERRORS = {"HTTPValidationError", "ValidationError", "ResponseValidationError"}
_INTRODUCTION = REPOSITORY / "docs" / "api" / "introduction.md"


def build() -> Schema:
    """Return the OpenAPI 3.1 document.

    Raises:
        OpenApiError: the functions contradict the template or each other.
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
    found: Schema = cleaned(document)
    return found


def _schemas(functions: list[ApiFunction]) -> dict[str, Schema]:
    found: dict[str, Schema] = copy.deepcopy(dict(SCHEMAS))
    for function in functions:
        for name, schema in function.schemas.items():
            if name in _POWERTOOLS_ERRORS:
                continue
            if not name.isidentifier() or "__" in name:
                raise OpenApiError(f"{function.name}: two of its models have the name {name.rpartition('__')[2]}")
            if found.setdefault(name, schema) != schema:
                raise OpenApiError(f"{function.name}: another function has a different model {name}")
    return found


def _paths(operations: list[Operation], responses: Responses) -> dict[str, dict[str, Schema]]:
    paths: dict[str, dict[str, Schema]] = {}
    ids: set[str] = set()
    tags = list(TAGS)
    for operation in operations:
        described = responses.operation(operation)
        if not described.get("tags") or set(described["tags"]) - set(tags):
            raise OpenApiError(f"{operation.key}: its tags must be among {tags}")
        if described["operationId"] in ids:
            raise OpenApiError(f"{operation.key}: another operation is also called {described['operationId']}")
        ids.add(described["operationId"])
        paths.setdefault(operation.path, {})[operation.method] = described
    by_tag = sorted(paths.items(), key=lambda item: tags.index(next(iter(item[1].values()))["tags"][0]))
    return {path: {method: item[method] for method in _METHODS if method in item} for path, item in by_tag}


def _uses_tag(paths: dict[str, dict[str, Schema]], tag: str) -> bool:
    return any(tag in operation["tags"] for item in paths.values() for operation in item.values())


def _used(schemas: dict[str, Schema], roots: list[Any]) -> dict[str, Schema]:
    """Return the schemas that ``roots`` refer to, directly or through other schemas, sorted by name."""
    used: set[str] = set()
    pending = [json.dumps(roots)]
    while pending:
        text = pending.pop()
        for name in schemas.keys() - used:
            if f'"#/components/schemas/{name}"' in text:
                used.add(name)
                pending.append(json.dumps(schemas[name]))
    return {name: schemas[name] for name in sorted(used)}
