"""Generate example values from schemas: a schema's own example, or one composed from its parts."""

from collections.abc import Mapping
from typing import Any

_BY_FORMAT = {
    "date-time": "2026-11-23T03:04:05.678Z",
    "uuid": "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10",
    "uri": "https://example.com/",
    "email": "dreamer@example.com",
}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401 - JSON
    """Return a value that is valid under ``schema``, whose references are resolved in ``schemas``."""
    if examples := schema.get("examples"):
        return examples[0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if branches := schema.get(key):
            return example_of(branches[0], schemas)
    return _by_type(schema, schemas)


def _by_type(schema: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> Any:  # noqa: ANN401 - JSON
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", ())
        return {
            name: example_of(each, schemas)
            for name, each in schema.get("properties", {}).items()
            # Optional properties are left out unless they have a default or an example.
            if name in required or "default" in each or "examples" in each
        }
    if kind == "array":
        return [example_of(schema["items"], schemas)] if "items" in schema else []
    if kind in ("integer", "number"):
        return schema.get("minimum", 0)
    if kind == "boolean":
        return True
    return _BY_FORMAT.get(schema.get("format", ""), "text") if kind == "string" else None
