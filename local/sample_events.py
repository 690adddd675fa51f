"""Write ``events/api/``: one sample event per route, for ``sam local invoke`` and for the tests.

The routes come from the template, the request bodies from this module. Events for states and triggers are few and are
written by hand.
"""

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from local.cloudformation_yaml import load_template
from local.settings import REPOSITORY

_SCOPE = "dreamvision/api"

USER_ID = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
SESSION_ID = "5b1c7c5e-7d3b-4a0e-9a4e-2f6d1c0b9a87"
DREAM_ID = "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10"
JOB_ID = "019aae3c-8a2f-7d11-8c55-9b7e6f5d4c3b"
_DREAM = "I was flying over a dark forest with twisted trees"
_POOL = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_test"

_BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/auth/register": {"email": "test@example.com", "password": "SecurePass123", "username": "testuser"},
    "POST /api/v1/auth/login": {"email": "test@example.com", "password": "SecurePass123"},
    "POST /api/v1/auth/refresh": {"refresh_token": "a-refresh-token"},
    "POST /api/v1/auth/confirm": {"email": "test@example.com", "code": "123456"},
    "POST /api/v1/auth/resend-confirmation": {"email": "test@example.com"},
    "POST /api/v1/auth/forgot-password": {"email": "test@example.com"},
    "POST /api/v1/auth/reset-password": {
        "email": "test@example.com",
        "code": "123456",
        "new_password": "SecurePass456",
    },
    "POST /api/v1/auth/change-password": {"current_password": "SecurePass123", "new_password": "SecurePass456"},
    "PATCH /api/v1/auth/me": {"username": "dreamer"},
    "POST /api/v1/dreams/analyze": {"dream_text": _DREAM},
    "POST /api/v1/dreams/generate-video": {"dream_text": _DREAM, "duration": 5, "aspect_ratio": "9:16"},
    "POST /api/v1/videos/generate": {"dream_id": DREAM_ID, "duration": 5, "aspect_ratio": "9:16", "seed": 1234567890},
    "PUT /api/v1/devices/{device_id}": {
        "push_token": "ExponentPushToken[sampleSampleSampleSam1]",
        "platform": "android",
        "locale": "en-GB",
    },
    "POST /api/v1/storage/thumbnails": {"dream_id": DREAM_ID, "content_type": "image/jpeg"},
}
_PATH_PARAMETERS = {
    "dream_id": DREAM_ID,
    "job_id": JOB_ID,
    "device_id": "6f1d2c0b-9a87-4e10-8a5e-7b2f1c3d4e5f",
    "file_name": "redoc.25e8ca1220810764d6705aee5efae670.css",
}


@cache
def routes() -> Mapping[str, bool]:
    """Return every route of the template (``POST /api/v1/auth/login``) and whether it is public."""
    template = load_template((REPOSITORY / "template.yaml").read_text())
    found = {}
    for resource in template["Resources"].values():
        for event in (resource.get("Properties", {}).get("Events") or {}).values():
            if event["Type"] == "HttpApi":
                properties = event["Properties"]
                key = f"{properties['Method']} {properties['Path']}"
                found[key] = properties.get("Auth", {}).get("Authorizer") == "NONE"
    return found


def file_of(route: str) -> Path:
    """Return a route's file: ``events/api/post-dreams-analyze.json`` for ``POST /api/v1/dreams/analyze``."""
    method, path = route.split(" ")
    name = re.sub(r"[^a-z0-9_]+", "-", path.removeprefix("/api/v1").lower()).strip("-") or "root"
    return REPOSITORY / "events" / "api" / f"{method.lower()}-{name}.json"


def event_of(route: str, *, public: bool) -> dict[str, Any]:
    """Return API Gateway's event (HTTP API, payload format 2.0) for a valid request to the route."""
    method, template_path = route.split(" ")
    path = template_path.format(**_PATH_PARAMETERS)
    names = re.findall(r"\{(\w+)\}", template_path)
    body = _BODIES.get(route)
    headers = {"accept": "application/json", "host": "api.example.com", "user-agent": "DreamVision/1.0 (Android)"}
    if body is not None:
        headers["content-type"] = "application/json"
    if not public:
        headers["authorization"] = "Bearer the-gateway-has-verified-it"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "DreamVision/1.0 (Android)",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "23/Nov/2026:03:04:05 +0000",
            "timeEpoch": 1795403045000,
        },
        "isBase64Encoded": False,
    }
    if not public:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": _claims(), "scopes": [_SCOPE]}}
    if names:
        event["pathParameters"] = {name: _PATH_PARAMETERS[name] for name in names}
    if body is not None:
        event["body"] = json.dumps(body)
    return event


def _claims() -> dict[str, str]:
    return {
        "sub": USER_ID,
        "origin_jti": SESSION_ID,
        "jti": "0c1d2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f",
        "token_use": "access",
        "scope": _SCOPE,
        "client_id": "test-client",
        "username": USER_ID,
        "iss": _POOL,
        "auth_time": "1795403000",
        "iat": "1795403000",
        "exp": "1795406600",
    }


def main() -> int:
    for route, public in routes().items():
        file = file_of(route)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(event_of(route, public=public), indent=2) + "\n")
        print(file.relative_to(REPOSITORY))
    return 0


if __name__ == "__main__":
    sys.exit(main())
