"""Build the operation objects: the part that Powertools generates, plus all other possible responses."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dreamvision.core.errors import DreamVisionError
from dreamvision_api import problems
from dreamvision_api.problems import Problem
from dreamvision_api.request_body import MAX_BODY_BYTES
from dreamvision_api.route_docs import ResponseDoc
from local.openapi.components import EXAMPLE_REQUEST_ID, GATEWAY_MESSAGES, HEADERS, REQUEST_HEADERS, SECURITY, Schema
from local.openapi.examples import example_of
from local.openapi.functions import OpenApiError, Operation
from local.openapi.simplification import without_null

_FIXED_DETAILS = {
    problems.INTERNAL: "The error has been logged. Please try again later.",
    problems.VALIDATION: "See `errors` for the values to correct.",
    problems.MALFORMED: "The request body could not be parsed as JSON.",
    problems.BODY_TOO_LARGE: f"A request body may have {MAX_BODY_BYTES:,} bytes at the most.",
    problems.UNSUPPORTED_TYPE: "Send the request body as application/json.",
    problems.ROUTE_NOT_FOUND: "No route has this path and method.",
}
_INVALID_VALUE = [
    {"loc": ["body", "dream_text"], "msg": "Must have at least 10 characters.", "code": "too_short", "minimum": 10}
]
_METHODS_WITH_BODY = ("post", "put", "patch")


class Responses:
    """Builder of operations, which collects the shared responses that they refer to."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        self.shared: dict[str, Schema] = {}

    def operation(self, operation: Operation) -> Schema:
        """Return the operation object.

        Raises:
            OpenApiError: the route's notes refer to an unknown model, error or header.
        """
        raw = operation.raw
        made: Schema = {key: raw[key] for key in ("tags", "summary", "description", "operationId") if key in raw}
        made["security"] = [] if operation.public else [{SECURITY: []}]
        if parameters := [*map(_parameter, raw.get("parameters", [])), *_headers_read(operation)]:
            made["parameters"] = parameters
        if "requestBody" in raw:
            made["requestBody"] = self._request_body(raw["requestBody"])
        made["responses"] = {**self._answers(operation), **self._errors(operation)}
        return made

    def _request_body(self, raw: Mapping[str, Any]) -> Schema:
        content = {"schema": without_null(raw["content"]["application/json"]["schema"])}
        body = {**content, "example": example_of(content["schema"], self._schemas)}
        return {"required": raw.get("required", False), "content": {"application/json": body}}

    def _answers(self, operation: Operation) -> dict[str, Schema]:
        always = ("RateLimit", "RateLimit-Policy") if "RateLimitedError" in operation.notes.errors else ()
        if not operation.notes.responses:
            schema = operation.raw["responses"]["200"]["content"]["application/json"]["schema"]
            if "$ref" not in schema:
                raise OpenApiError(f"{operation.key}: several responses, or one without a body, must be documented")
            return {"200": {**self._answer(schema), **_headers_sent(always)}}
        answers = {}
        for answer in operation.notes.responses:
            if answer.model is not None and answer.model.__name__ not in self._schemas:
                raise OpenApiError(f"{operation.key}: {answer.model.__name__} is not in the function's signature")
            answers[str(int(answer.status))] = self._noted(answer._replace(headers=(*answer.headers, *always)))
        return answers

    def _noted(self, answer: ResponseDoc) -> Schema:
        if answer.model is not None:
            made = self._answer({"$ref": f"#/components/schemas/{answer.model.__name__}"})
        elif answer.content_type is not None:
            schema = {"type": "object" if answer.content_type == "application/json" else "string"}
            made = {"description": answer.status.phrase, "content": {answer.content_type: {"schema": schema}}}
        else:
            made = {"description": answer.status.description or answer.status.phrase}
        return {**made, **_headers_sent(answer.headers)}

    def _answer(self, schema: Schema) -> Schema:
        described = self._schemas[schema["$ref"].rpartition("/")[2]].get("description", "")
        content = {"schema": schema, "example": example_of(schema, self._schemas)}
        return {"description": described.partition("\n")[0], "content": {"application/json": content}}

    def _errors(self, operation: Operation) -> dict[str, Schema]:
        found: dict[int, list[tuple[Problem, str]]] = defaultdict(list)
        for problem, detail in _problems(operation):
            if problem.code not in [known.code for known, _ in found[int(problem.status)]]:
                found[int(problem.status)].append((problem, detail))
        for status in _gateway_statuses(operation):
            found.setdefault(status, [])
        return {str(status): self._shared(status, found[status]) for status in sorted(found)}

    def _shared(self, status: int, rows: list[tuple[Problem, str]]) -> Schema:
        """Return a reference if there is at most one problem, since such responses are the same for all operations."""
        made = _error(status, rows)
        if len(rows) > 1:
            return made
        name = _camel(rows[0][0].code if rows else HTTPStatus(status).phrase)
        if self.shared.setdefault(name, made) != made:
            raise OpenApiError(f"two different responses have the name {name}")
        return {"$ref": f"#/components/responses/{name}"}


def detail_of(name: str) -> str:
    """Return the ``detail`` of the error class of this name."""
    row = problems.PROBLEMS[name]
    if row in _FIXED_DETAILS and row is not problems.VALIDATION:
        return _FIXED_DETAILS[row]
    classes = {found.__name__: found for found in _subclasses(DreamVisionError)}
    if name not in classes:
        raise OpenApiError(f"no loaded module defines an error class {name}")
    return str(classes[name].user_message)


def _subclasses(base: type[DreamVisionError]) -> Iterable[type[DreamVisionError]]:
    yield base
    for each in base.__subclasses__():
        yield from _subclasses(each)


def _problems(operation: Operation) -> Iterable[tuple[Problem, str]]:
    names = [*operation.notes.errors] if operation.public else ["UnauthenticatedError", *operation.notes.errors]
    kinds = [problems.INTERNAL]
    if operation.method in _METHODS_WITH_BODY or "requestBody" in operation.raw:
        kinds += [problems.MALFORMED, problems.BODY_TOO_LARGE, problems.UNSUPPORTED_TYPE]
    if "requestBody" in operation.raw or "parameters" in operation.raw:
        kinds.append(problems.VALIDATION)
    if "{" in operation.path:
        # The resolver accepts fewer characters in an id than API Gateway, and then finds no route.
        kinds.append(problems.ROUTE_NOT_FOUND)
    yield from ((kind, _FIXED_DETAILS[kind]) for kind in kinds)
    for name in names:
        if name not in problems.PROBLEMS:
            raise OpenApiError(f"{operation.key}: {name} is not in problems.PROBLEMS")
        yield problems.PROBLEMS[name], detail_of(name)


def _gateway_statuses(operation: Operation) -> Iterable[int]:
    yield from (429, 500, 503)
    if not operation.public:
        yield from (401, 403)
    if operation.method in _METHODS_WITH_BODY:
        yield 413
    if "{" in operation.path:
        yield 404


def _error(status: int, rows: list[tuple[Problem, str]]) -> Schema:
    content: Schema = {}
    if rows:
        codes = [problems.TYPE_PREFIX + problem.code for problem, _ in rows]
        properties = {"type": {"type": "string", "enum": codes}, "status": {"type": "integer", "const": status}}
        narrowed = {"type": "object", "properties": properties}
        content[problems.CONTENT_TYPE] = {
            "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, narrowed]},
            "examples": {problem.code: _example(problem, detail) for problem, detail in rows},
        }
    if status in GATEWAY_MESSAGES:
        content["application/json"] = {
            "schema": {"$ref": "#/components/schemas/GatewayMessage"},
            "example": {"message": GATEWAY_MESSAGES[status]},
        }
    titles = [problem.title for problem, _ in rows] or [f"{HTTPStatus(status).phrase} (gateway)"]
    headers = _error_headers(status, [problem for problem, _ in rows])
    return {"description": ". ".join(titles) + ".", "content": content, **_headers_sent(headers)}


def _error_headers(status: int, rows: Iterable[Problem]) -> tuple[str, ...]:
    if status == HTTPStatus.UNAUTHORIZED:
        return ("WWW-Authenticate",)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ("RateLimit", "RateLimit-Policy", "Retry-After")
    return ("Retry-After",) if any(row.retry_after_seconds is not None for row in rows) else ()


def _example(problem: Problem, detail: str) -> Schema:
    value: Schema = {
        "type": problems.TYPE_PREFIX + problem.code,
        "title": problem.title,
        "status": int(problem.status),
        "detail": detail,
        "request_id": EXAMPLE_REQUEST_ID,
    }
    if problem is problems.VALIDATION:
        value["errors"] = _INVALID_VALUE
    return {"summary": problem.title, "value": value}


def _parameter(raw: Mapping[str, Any]) -> Schema:
    """Return the parameter object, without ``null`` as a type, which a query or header cannot express."""
    schema = dict(raw["schema"])
    branches = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
    if len(branches) > 1:
        schema["anyOf"] = branches
    elif branches:
        schema = {**schema, **branches[0]}
    # Powertools converts header names to lower case.
    name = "-".join(map(str.capitalize, raw["name"].split("-"))) if raw["in"] == "header" else raw["name"]
    made = {"name": name, "in": raw["in"], "required": raw["required"]}
    described = schema.pop("description", None) or raw.get("description")
    return {**made, **({"description": described} if described else {}), "schema": schema}


def _headers_read(operation: Operation) -> Iterable[Schema]:
    for name in operation.notes.request_headers:
        if name not in REQUEST_HEADERS:
            raise OpenApiError(f"{operation.key}: the request header {name} is not documented")
        yield {"$ref": f"#/components/parameters/{name}"}


def _headers_sent(names: tuple[str, ...]) -> Schema:
    if unknown := set(names) - HEADERS.keys():
        raise OpenApiError(f"these headers are not documented: {sorted(unknown)}")
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}} if names else {}


def _camel(text: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[\W_]+", text))
