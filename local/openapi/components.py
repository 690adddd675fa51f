"""What the document's operations share: the shapes of errors, the headers, the description of the token."""

from collections.abc import Mapping
from typing import Any

type Schema = dict[str, Any]

SECURITY = "accessToken"
SECURITY_SCHEMES: Mapping[str, Schema] = {
    SECURITY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /api/v1/auth/login`; good for an hour, or until the session ends.",
    }
}

_REQUEST_ID = "a2cf6a1b-5f0e-4a0a-9c0e-3d3f6a1e77b1"
EXAMPLE_REQUEST_ID = _REQUEST_ID

_UUID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"

SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457). `type` is made for programs, `detail` may be shown to the user.",
        "properties": {
            "type": {
                "type": "string",
                "format": "uri",
                "description": "One of the problem types of docs/API.md.",
                "examples": ["urn:dreamvision:problem:validation_failed"],
            },
            "title": {"type": "string", "examples": ["The request has invalid values"]},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [422]},
            "detail": {"type": "string", "examples": ["See `errors` for what has to change."]},
            "request_id": {
                "type": "string",
                "description": "Tell it to the support: it is in every log line of the request.",
                "examples": [_REQUEST_ID],
            },
            "errors": {
                "type": "array",
                "description": "The invalid values, where single values are to blame.",
                "items": {"$ref": "#/components/schemas/InvalidValue"},
            },
            "dream_id": {
                "type": "string",
                "format": "uuid",
                "description": "The dream that was kept although the request failed.",
                "examples": [_UUID],
            },
            "job_id": {
                "type": "string",
                "format": "uuid",
                "description": "The video that was kept, as failed, although the request failed.",
                "examples": [_UUID],
            },
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    },
    "InvalidValue": {
        "type": "object",
        "description": "One invalid value of a request.",
        "properties": {
            "loc": {
                "type": "array",
                "description": "Where it is: `body`, `query` or `path`, then the way to it.",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "examples": [["body", "dream_text"]],
            },
            "msg": {"type": "string", "examples": ["String should have at least 10 characters"]},
        },
        "required": ["loc", "msg"],
    },
    "GatewayMessage": {
        "type": "object",
        "description": "An answer of the gateway itself, which stands before the application.",
        "properties": {"message": {"type": ["string", "null"], "examples": ["Unauthorized"]}},
        "required": ["message"],
    },
}

# What the gateway answers without asking the application.
GATEWAY_MESSAGES: Mapping[int, str] = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

HEADERS: Mapping[str, Schema] = {
    "Cache-Control": {"description": "How long the answer may be kept.", "schema": {"type": "string"}},
    "Content-Encoding": {"description": "`gzip` where the client takes it.", "schema": {"type": "string"}},
    "ETag": {
        "description": "Send it as `If-None-Match` to get a 304 while nothing has changed.",
        "schema": {"type": "string", "examples": ['"c0ffee"']},
    },
    "Location": {
        "description": "Where to ask how far the video is.",
        "schema": {"type": "string", "format": "uri-reference", "examples": [f"/api/v1/videos/{_UUID}"]},
    },
    "Preference-Applied": {
        "description": "`respond-async` where the request asked for it.",
        "schema": {"type": "string", "examples": ["respond-async"]},
    },
    "RateLimit": {
        "description": "What is left of the limit in its window, and the seconds until the window ends.",
        "schema": {"type": "string", "examples": ['"minute";r=9;t=42']},
    },
    "RateLimit-Policy": {
        "description": "The limit: requests and the window in seconds.",
        "schema": {"type": "string", "examples": ['"minute";q=10;w=60']},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["2"]},
    },
    "WWW-Authenticate": {
        "description": "The scheme to authenticate with: `Bearer`.",
        "schema": {"type": "string", "examples": ["Bearer"]},
    },
}

REQUEST_HEADERS: Mapping[str, Schema] = {
    "Prefer": {
        "description": "`respond-async`: answer at once with 202, without waiting for the analysis (RFC 7240).",
        "schema": {"type": "string", "examples": ["respond-async"]},
    },
    "If-None-Match": {
        "description": "The `ETag` of the answer that the client has already.",
        "schema": {"type": "string", "examples": ['"c0ffee"']},
    },
}

TAGS: Mapping[str, str] = {
    "Authentication": "Accounts and sessions.",
    "Dreams": "Telling dreams, their analysis, and the history.",
    "Videos": "Filming dreams, and how far a video is.",
    "Storage": "Pictures of one's own.",
    "Health": "Whether the service works.",
    "Documentation": "This description of the API.",
}
