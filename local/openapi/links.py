"""OpenAPI links: connects the ids in responses to the operations that take them as input."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.openapi.components import Schema

# The ids in responses: schema -> name of the id -> JSON pointer to it.
_SOURCES: Mapping[str, Mapping[str, str]] = {
    "DreamAnalysisResponse": {"dream_id": "/dream_id"},
    "CombinedDreamVideoResponse": {"dream_id": "/dream_id", "job_id": "/job_id"},
    "AcceptedDreamVideo": {"dream_id": "/dream_id", "job_id": "/job_id"},
    "VideoGenerationResponse": {"job_id": "/job_id"},
}


def add_links(paths: Mapping[str, Mapping[str, Schema]], schemas: Mapping[str, Schema]) -> None:
    """Link every response that contains an id to every operation with a parameter of the same name."""
    operations = [operation for item in paths.values() for operation in item.values()]
    for operation in operations:
        for response in operation["responses"].values():
            ids = _SOURCES.get(_schema_name(response), {})
            links = {name: link for target in operations for name, link in _links(ids, operation, target, schemas)}
            if links:
                response["links"] = links


def _links(
    ids: Mapping[str, str], source: Schema, target: Schema, schemas: Mapping[str, Schema]
) -> Iterable[tuple[str, Schema]]:
    if target is source:
        return
    name = target["operationId"]
    in_path = [each["name"] for each in target.get("parameters", []) if each.get("in") == "path"]
    for each in in_path:
        if each in ids:
            yield name, {"operationId": name, "parameters": {each: f"$response.body#{ids[each]}"}}
    if not in_path and (in_body := ids.keys() & _body_properties(target, schemas)):
        body: dict[str, Any] = {each: f"$response.body#{ids[each]}" for each in sorted(in_body)}
        yield name, {"operationId": name, "requestBody": body}


def _body_properties(operation: Schema, schemas: Mapping[str, Schema]) -> set[str]:
    if "requestBody" not in operation:
        return set()
    reference = operation["requestBody"]["content"]["application/json"]["schema"].get("$ref", "")
    return set(schemas.get(reference.rpartition("/")[2], {}).get("properties", {}))


def _schema_name(response: Schema) -> str:
    content = response.get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
