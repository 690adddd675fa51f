"""Simplify the schemas that pydantic generates."""

from typing import Any

from local.openapi.components import Schema


def cleaned(node: Any, *, named: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Return ``node`` without titles that only repeat a field's name, and with whole numbers as integers.

    ``named`` tells whether the keys of ``node`` are user-defined names instead of OpenAPI keywords.
    """
    if isinstance(node, list):
        return [cleaned(each) for each in node]
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if not isinstance(node, dict):
        return node
    is_schema = not named and ("type" in node or "anyOf" in node or "$ref" in node or "const" in node)
    return {
        key: each
        if key in ("example", "examples", "value") and not named
        else cleaned(each, named=_holds_names(key, named))
        for key, each in node.items()
        if not (is_schema and key == "title" and isinstance(each, str))
    }


def _holds_names(key: str, named: bool) -> bool:
    return not named and key in ("properties", "schemas", "parameters", "responses", "headers", "paths", "links")


def without_null(schema: Schema) -> Schema:
    """Return the only other schema of what may be ``null``, for what may be missing instead; others unchanged."""
    kept = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    return kept[0] if len(kept) == 1 else schema
