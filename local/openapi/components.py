"""What the document's operations share: the shapes of errors, the headers, the description of the token."""

from collections.abc import Mapping
from typing import Any

from dreamvision.schemas.invalid_values import ValueCode
from dreamvision_api.problem_responses import MAX_ERRORS
from dreamvision_api.problems import GENERAL, PROBLEMS, TYPE_PREFIX

type Schema = dict[str, Any]

SECURITY = "accessToken"
SECURITY_SCHEMES: Mapping[str, Schema] = {
    SECURITY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /api/v1/auth/login`, valid for an hour or until the session ends.",
    }
}

_REQUEST_ID = "a2cf6a1b-5f0e-4a0a-9c0e-3d3f6a1e77b1"
EXAMPLE_REQUEST_ID = _REQUEST_ID

_UUID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"

SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A problem (RFC 9457). `type` is for programs; `detail` may be shown to the user.",
        "properties": {
            "type": {"$ref": "#/components/schemas/ProblemType"},
            "title": {"type": "string", "examples": ["The request has invalid values"]},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [422]},
            "detail": {"type": "string", "examples": ["See `errors` for the values to correct."]},
            "request_id": {
                "type": "string",
                "description": "Quote it to support: every log line of the request includes it.",
                "examples": [_REQUEST_ID],
            },
            "errors": {
                "type": "array",
                "description": "The invalid values, if specific values are invalid; of more, the first 20.",
                "maxItems": MAX_ERRORS,
                "items": {"$ref": "#/components/schemas/InvalidValue"},
            },
            "dream_id": {
                "type": "string",
                "format": "uuid",
                "description": "The dream that was saved although the request failed.",
                "examples": [_UUID],
            },
            "job_id": {
                "type": "string",
                "format": "uuid",
                "description": "The video that was saved, with status `failed`, although the request failed.",
                "examples": [_UUID],
            },
        },
        "required": ["type", "title", "status", "detail", "request_id"],
    },
    "ProblemType": {
        "type": "string",
        "description": "The type of a problem, for programs. New types may be added.",
        "enum": sorted({TYPE_PREFIX + problem.code for problem in (*GENERAL, *PROBLEMS.values())}),
        "examples": ["urn:dreamvision:problem:validation_failed"],
    },
    "ValueCode": {
        "type": "string",
        "description": "The rule that a value breaks.",
        "enum": [code.value for code in ValueCode],
        "examples": ["too_short"],
    },
    "InvalidValue": {
        "type": "object",
        "description": "An invalid value in a request.",
        "properties": {
            "loc": {
                "type": "array",
                "description": "Its location: `body`, `query` or `path`, then the path to the value.",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "examples": [["body", "dream_text"]],
            },
            "msg": {
                "type": "string",
                "description": "The rule in words for people.",
                "examples": ["Must have at least 10 characters."],
            },
            "code": {"$ref": "#/components/schemas/ValueCode"},
            "minimum": {
                "type": "integer",
                "description": "The smallest value, or the shortest length in characters.",
                "examples": [10],
            },
            "maximum": {
                "type": "integer",
                "description": "The largest value, or the longest length in characters (`too_many_words`: in words).",
            },
            "allowed": {
                "type": "array",
                "description": "The values of which it must be one.",
                "items": {"type": "string"},
            },
            "expected": {
                "type": "string",
                "description": "The JSON type that it must have.",
                "enum": ["string", "integer", "number", "boolean", "array", "object"],
            },
        },
        "required": ["loc", "msg", "code"],
    },
    "GatewayMessage": {
        "type": "object",
        "description": "A response of the API gateway itself, in front of the application.",
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
    "Cache-Control": {
        "description": "How the response may be cached.",
        "schema": {"type": "string"},
    },
    "Content-Encoding": {"description": "`gzip` if the client accepts it.", "schema": {"type": "string"}},
    "ETag": {
        "description": "Send it as `If-None-Match` to get a 304 if nothing has changed.",
        "schema": {"type": "string", "examples": ['"c0ffee"']},
    },
    "Location": {
        "description": "URL of the video.",
        "schema": {"type": "string", "format": "uri-reference", "examples": [f"/api/v1/videos/{_UUID}"]},
    },
    "Preference-Applied": {
        "description": "`respond-async` if the request preferred it.",
        "schema": {"type": "string", "examples": ["respond-async"]},
    },
    "RateLimit": {
        "description": "Remaining requests in the window, and the seconds until it resets.",
        "schema": {"type": "string", "examples": ['"minute";r=9;t=42']},
    },
    "RateLimit-Policy": {
        "description": "The limit: requests per window, and the window in seconds.",
        "schema": {"type": "string", "examples": ['"minute";q=10;w=60']},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next request.",
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["2"]},
    },
    "WWW-Authenticate": {
        "description": "The authentication scheme: `Bearer`.",
        "schema": {"type": "string", "examples": ["Bearer"]},
    },
}

REQUEST_HEADERS: Mapping[str, Schema] = {
    "Prefer": {
        "description": "`respond-async`: respond with 202 immediately, without waiting for the analysis (RFC 7240).",
        "schema": {"type": "string", "examples": ["respond-async"]},
    },
    "If-None-Match": {
        "description": "The `ETag` of the response that the client has cached.",
        "schema": {"type": "string", "examples": ['"c0ffee"']},
    },
}

TAGS: Mapping[str, str] = {
    "Authentication": "Accounts and sessions.",
    "Dreams": "Dreams, their analysis and the history.",
    "Videos": "Videos of dreams, and their status.",
    "Quota": "What a user may still create.",
    "Storage": "Image uploads.",
    "Devices": "Devices that receive push notifications.",
    "Health": "API information and health checks.",
    "Documentation": "The API documentation.",
}
