"""JSON schemas of structured outputs: rejects unsupported ones and generates a value that satisfies a schema."""

from collections.abc import Mapping
from typing import Any

_UNSUPPORTED = {
    "string": ("minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
    "object": ("minProperties", "maxProperties", "patternProperties", "propertyNames"),
}
_MAX_OPTIONAL = 24
_MAX_UNIONS = 16
_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})


class UnsupportedSchemaError(Exception):
    """The schema is outside the subset that structured outputs support. The message has the API's wording."""


def check_schema(schema: Mapping[str, Any]) -> None:
    """Check that the API accepts ``schema``.

    Raises:
        UnsupportedSchemaError: the API would return 400.
    """
    _Checker(schema).check()


class _Checker:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._optional = 0
        self._unions = 0

    def check(self) -> None:
        self._visit(self._root, ())
        if self._optional > _MAX_OPTIONAL:
            raise UnsupportedSchemaError(f"Schema has {self._optional} optional parameters; at most {_MAX_OPTIONAL}")
        if self._unions > _MAX_UNIONS:
            raise UnsupportedSchemaError(f"Schema has {self._unions} parameters with unions; at most {_MAX_UNIONS}")

    def _visit(self, node: object, seen: tuple[str, ...]) -> None:
        if not isinstance(node, Mapping):
            raise UnsupportedSchemaError("Schema must be an object")
        if "$ref" in node:
            self._follow(node["$ref"], seen)
            return
        self._visit_unions(node, seen)
        kind = node.get("type")
        if isinstance(kind, list):
            self._unions += 1
        for name in kind if isinstance(kind, list) else [kind]:
            self._visit_typed(name, node, seen)

    def _follow(self, ref: object, seen: tuple[str, ...]) -> None:
        if not isinstance(ref, str) or not ref.startswith("#"):
            raise UnsupportedSchemaError(f"External $ref is not supported: {ref}")
        if ref in seen:
            raise UnsupportedSchemaError(f"Recursive schemas are not supported: {ref}")
        self._visit(resolve(self._root, ref), (*seen, ref))

    def _visit_unions(self, node: Mapping[str, Any], seen: tuple[str, ...]) -> None:
        if "oneOf" in node:
            raise UnsupportedSchemaError("Schema type 'oneOf' is not supported")
        self._unions += "anyOf" in node
        for branch in (*node.get("anyOf", ()), *node.get("allOf", ())):
            self._visit(branch, seen)
        if not ({"type", "anyOf", "allOf", "enum", "const"} & node.keys()):
            raise UnsupportedSchemaError("Schema must have a 'type', 'anyOf', 'allOf', 'enum' or 'const' field")

    def _visit_typed(self, kind: object, node: Mapping[str, Any], seen: tuple[str, ...]) -> None:
        if kind is None:
            return
        if kind not in _TYPES:
            raise UnsupportedSchemaError(f"Unknown schema type '{kind}'")
        wrong = [name for name in _UNSUPPORTED.get(str(kind), ()) if name in node]
        if wrong:
            plural, verb = ("properties", "are") if len(wrong) > 1 else ("property", "is")
            raise UnsupportedSchemaError(f"For '{kind}' type, {plural} {', '.join(wrong)} {verb} not supported")
        if kind == "object":
            self._visit_object(node, seen)
        if kind == "array":
            if node.get("minItems", 0) not in (0, 1):
                raise UnsupportedSchemaError("For 'array' type, 'minItems' values other than 0 or 1 are not supported")
            if "items" in node:
                self._visit(node["items"], seen)

    def _visit_object(self, node: Mapping[str, Any], seen: tuple[str, ...]) -> None:
        if node.get("additionalProperties") is not False:
            raise UnsupportedSchemaError("For 'object' type, 'additionalProperties' must be explicitly set to false")
        properties = node.get("properties", {})
        self._optional += len(set(properties) - set(node.get("required", ())))
        for child in properties.values():
            self._visit(child, seen)


def resolve(root: Mapping[str, Any], ref: str) -> Mapping[str, Any]:
    """Return the sub-schema of an internal ``ref`` such as ``#/$defs/X``.

    Raises:
        UnsupportedSchemaError: there is no such sub-schema.
    """
    node: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        if part:
            if not isinstance(node, Mapping) or part not in node:
                raise UnsupportedSchemaError(f"Unresolvable $ref: {ref}")
            node = node[part]
    return node  # type: ignore[no-any-return]


def fill(schema: Mapping[str, Any], known: Mapping[str, object], name: str = "") -> object:
    """Return a value that satisfies ``schema``: properties in ``known`` get their value there, others a default."""
    return _fill(schema, schema, known, name)


def _fill(root: Mapping[str, Any], node: Mapping[str, Any], known: Mapping[str, object], name: str) -> object:
    if "$ref" in node:
        return _fill(root, resolve(root, node["$ref"]), known, name)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return _pick(node["enum"], known.get(name))
    for union in ("anyOf", "allOf"):
        if node.get(union):
            return _fill(root, node[union][0], known, name)
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind == "object":
        return {key: _fill(root, child, known, key) for key, child in node.get("properties", {}).items()}
    if kind == "array":
        return [_fill(root, node["items"], known, name)] if node.get("minItems") and "items" in node else []
    return _plain(str(kind), known.get(name))


def _pick(options: list[object], wanted: object) -> object:
    same = (option for option in options if str(option).casefold() == str(wanted).casefold())
    return next(same, options[0])


def _plain(kind: str, wanted: object) -> object:
    if kind == "string":
        return wanted if isinstance(wanted, str) else ""
    if kind == "number":
        return wanted if isinstance(wanted, int | float) else 0.0
    if kind == "integer":
        return wanted if isinstance(wanted, int) else 0
    return False if kind == "boolean" else None
