"""docs/API.md: the hand-written pages of docs/api, and every route and every problem type from the document."""

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dreamvision_api import problems
from dreamvision_api.problems import CONTENT_TYPE, TYPE_PREFIX, Problem
from local.cloudformation_yaml import load_template
from local.openapi.components import GATEWAY_MESSAGES, Schema
from local.settings import REPOSITORY

_PAGES = REPOSITORY / "docs" / "api"
_METHODS = ("get", "post", "put", "patch", "delete")

# What a client should do: by the status, and by the code where there is more to say.
_BY_STATUS: Mapping[int, str] = {
    400: "Correct the request.",
    401: "Refresh the session; if that fails, sign in again.",
    403: "Do not retry; tell the user what is missing.",
    404: "Treat it as deleted.",
    409: "Read the current state, then decide.",
    413: "Send a smaller request.",
    415: "Send `Content-Type: application/json`.",
    422: "Correct the values.",
    429: "Wait `Retry-After` seconds, then retry.",
    500: "Retry later; report the `request_id`.",
    502: "Retry; if the error persists, report the `request_id`.",
    503: "Wait `Retry-After` seconds, then retry.",
    504: "Wait `Retry-After` seconds, then retry.",
}
_BY_CODE: Mapping[str, str] = {
    "invalid_credentials": "Ask for the e-mail address and password again.",
    "invalid_refresh_token": "Discard the tokens and ask the user to sign in.",
    "email_not_confirmed": "Ask for the code from the e-mail (`POST /auth/confirm`), or resend it.",
    "password_reset_required": "Continue with `POST /auth/forgot-password`.",
    "user_already_exists": "Offer to sign in or to reset the password.",
    "username_taken": "Ask for another username.",
    "invalid_or_expired_code": "Ask for the code again, or send a new one.",
    "weak_password": "Ask for a stronger password.",
    "wrong_password": "Ask for the current password again.",
    "route_not_found": "Check the path and method.",
    "dream_refused": "Ask the user to describe the dream differently.",
    "dream_not_analyzed": "Wait until `analysis_status` is `completed`.",
    "idempotency_key_reused": "Use a new key for each request.",
    "request_in_progress": "Wait `Retry-After` seconds, then retry with the same key.",
    "video_final": "Use the video as it is; it is deleted with its dream.",
    "too_many_running_videos": "Wait until one of the running videos is finished.",
    "video_quota_exceeded": "Wait `Retry-After` seconds: the quota resets at midnight UTC.",
    "validation_failed": "Correct the values listed in `errors`.",
}


def api_markdown(document: Schema) -> str:
    """The whole page."""
    parts = [
        "<!-- Made by `make openapi` from the code and from docs/api. Do not edit. -->",
        f"# {document['info']['title']} {document['info']['version']}",
        (_PAGES / "introduction.md").read_text().strip(),
        "Machine-readable: [openapi.json](openapi.json). A running service serves interactive documentation at"
        "\n`/api/v1/docs` (Swagger UI) and `/api/v1/redoc`.",
        _contents(document),
        _with_defaults((_PAGES / "conventions.md").read_text().strip()),
        "## Routes",
        *_routes(document),
        "## Problem types",
        _problem_table(),
        (_PAGES / "expo.md").read_text().strip(),
    ]
    return "\n\n".join(parts) + "\n"


def _with_defaults(text: str) -> str:
    """``{{Name}}`` replaced by the default of the template's parameter. Raises ``KeyError`` when there is none."""
    parameters = load_template((REPOSITORY / "template.yaml").read_text())["Parameters"]
    return re.sub(r"\{\{(\w+)\}\}", lambda found: str(parameters[found[1]]["Default"]), text)


def _operations(document: Schema) -> Iterable[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _contents(document: Schema) -> str:
    rows = ["| route | | |", "|---|---|---|"]
    for method, path, operation in _operations(document):
        token = "public" if not operation["security"] else ""
        rows.append(f"| [`{method} {path}`](#{operation['operationId'].lower()}) | {operation['summary']} | {token} |")
    return "\n".join(rows)


def _routes(document: Schema) -> Iterable[str]:
    for tag in document["tags"]:
        yield f"### {tag['name']}\n\n{tag['description']}"
        for method, path, operation in _operations(document):
            if operation["tags"][0] == tag["name"]:
                yield _route(method, path, operation, document)


def _route(method: str, path: str, operation: Schema, document: Schema) -> str:
    public = "Public." if not operation["security"] else "Requires an access token."
    parts = [
        f"#### {operation['operationId']}",
        f"`{method} {path}` - {operation['summary']}. {public}",
        operation.get("description", ""),
        _parameters(operation, document),
        _request(operation),
        *_answers(operation, document),
        _errors(operation, document),
    ]
    return "\n\n".join(part for part in parts if part)


def _parameters(operation: Schema, document: Schema) -> str:
    rows = []
    for reference in operation.get("parameters", []):
        each = _resolved(reference, document)
        schema = each["schema"]
        bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
        enum = schema.get("enum") or _resolved(schema, document).get("enum") or []
        what = [schema.get("format") or schema.get("type", ""), *bounds, " ".join(f"`{value}`" for value in enum)]
        if "default" in schema:
            what.append(f"default `{schema['default']}`")
        needed = "" if each.get("required") else "optional"
        cells = [f"`{each['name']}`", each["in"], ", ".join(filter(None, [*what, needed])), each.get("description", "")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(["| parameter | in | | |", "|---|---|---|---|", *rows]) if rows else ""


def _request(operation: Schema) -> str:
    if "requestBody" not in operation:
        return ""
    return f"Request:\n\n{_json(operation['requestBody']['content']['application/json']['example'])}"


def _answers(operation: Schema, document: Schema) -> Iterable[str]:
    for status, reference in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            continue
        answer = _resolved(reference, document)
        sent = ", ".join(f"`{name}`" for name in answer.get("headers", {}))
        line = f"**{status}** {answer['description']}" + (f" Headers: {sent}." if sent else "")
        example = answer.get("content", {}).get("application/json", {}).get("example")
        yield f"{line}\n\n{_json(example)}" if example is not None else line


def _errors(operation: Schema, document: Schema) -> str:
    cells = []
    for status, reference in operation["responses"].items():
        if int(status) < HTTPStatus.BAD_REQUEST:
            continue
        content = _resolved(reference, document).get("content", {})
        codes = [f"`{code}`" for code in content.get(CONTENT_TYPE, {}).get("examples", {})]
        cells.append(f"{status} {', '.join(codes)}" if codes else f"{status} (gateway)")
    return "Errors: " + "; ".join(cells) + "."


def _problem_table() -> str:
    rows = {problem.code: problem for problem in [*_general(), *problems.PROBLEMS.values()]}
    lines = [
        f"`type` is `{TYPE_PREFIX}` followed by the code. Responses of the gateway have no code.",
        "",
        "| code | status | meaning | what to do |",
        "|---|---|---|---|",
    ]
    for problem in sorted(rows.values(), key=lambda each: (each.status, each.code)):
        lines.append(f"| `{problem.code}` | {int(problem.status)} | {problem.title} | {_advice(problem)} |")
    for status, message in GATEWAY_MESSAGES.items():
        lines.append(f"| - | {status} | `{message}` (gateway) | {_BY_STATUS[status]} |")
    return "\n".join(lines)


def _general() -> Iterable[Problem]:
    return (problems.MALFORMED, problems.UNSUPPORTED_TYPE, problems.ROUTE_NOT_FOUND)


def _advice(problem: Problem) -> str:
    return _BY_CODE.get(problem.code) or _BY_STATUS[int(problem.status)]


def _resolved(node: Mapping[str, Any], document: Schema) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document
    for part in node["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    resolved: Mapping[str, Any] = found
    return resolved


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"
