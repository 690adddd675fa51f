"""Hostile request bodies on every route that has one: never an error of the server, an echo, or a long answer."""

import base64
import gzip
import json
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from local.sample_events import event_of, routes
from tests.attack.attack import Outcome, attack
from tests.attack.forgery import in_parallel
from tests.attack.target import Reply, Target, public_account_routes, random_address
from tests.e2e.client import DREAM

# A deletion needs no valid body.
_ROUTES = tuple(sorted(route for route in routes() if route.startswith(("POST ", "PATCH "))))
# One public and one with a token: 5 MB take the emulator half a second.
_LARGE = ("POST /api/v1/auth/login", "POST /api/v1/dreams/analyze")
_SIGN_OUT = '{"refresh_token": "a-refresh-token"}'
_ECHO = "zyx-echoed-input"
_INTERNALS = ("Traceback", "botocore", "arn:aws", "dynamodb", "Exception", "pydantic", 'File "', "/var/task")
_MAX_REPLY = 8_000
_MEGABYTE = 1_000_000
_FIVE_MEGABYTES = 5 * _MEGABYTE
_INVISIBLE = "\x00\u200b\u202e\ufeff\U000e0041"


class Hostile(NamedTuple):
    """A body as API Gateway would pass it on. ``refused``: no route may accept it."""

    name: str
    body: str
    changes: dict[str, Any]
    refused: bool = True


def _texts(sample: str) -> Iterator[Hostile]:
    """Bodies that are not JSON objects, or too much of one."""
    fields = {"x" * 8 + str(number): 1 for number in range(2_000)}
    yield from (
        Hostile(name, body, {})
        for name, body in {
            "cut off": sample[:-2],
            "two objects": sample * 2,
            "a list": f"[{sample}]",
            "a number": "1",
            "null": "null",
            "NaN": sample.replace('"', "", 1) + "NaN",
            "Infinity": '{"a": Infinity}',
            "single quotes": sample.replace('"', "'"),
            "a comment": f"/* x */{sample}",
            "a trailing comma": f"{sample[:-1]},}}",
            "deep lists": "[" * 15_000,
            "deep objects": '{"a":' * 6_000,
            "deep and closed": f'{{"a":{"[" * 5_000}{"]" * 5_000}}}',
            "a number of 20,000 digits": f'{{"a": {"9" * 20_000}}}',
            "a huge exponent": '{"a": 1e999999}',
            "32,769 bytes": f'{{"a": "{"x" * 32_769}"}}',
            "5 MB of keys": "{" + ",".join(f'"k{number}":1' for number in range(400_000)) + "}",
            "5 MB of spaces": " " * _FIVE_MEGABYTES + sample,
            "XML": "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            "a form": "email=a@example.com&password=x",
            "a UTF-7 text": "+AHs-+ACI-",
            "2,000 unknown fields": json.dumps(fields),
            "an unknown field": json.dumps({**json.loads(sample), "unknown": _ECHO}),
            "__proto__": json.dumps({**json.loads(sample), "__proto__": {"admin": True}}),
            "an operator's field": json.dumps({**json.loads(sample), "subscription_tier": "premium"}),
        }.items()
    )


def _encodings(sample: str) -> Iterator[Hostile]:
    """Bodies in base64, as API Gateway passes on what is not text."""
    as_base64 = {"isBase64Encoded": True}
    for name, raw in {
        "UTF-16": sample.encode("utf-16"),
        "UTF-32": sample.encode("utf-32"),
        "invalid UTF-8": sample.encode() + b"\xff\xfe",
        "overlong UTF-8": sample.encode().replace(b'"', b"\xc0\xa2", 1),
        "gzip": gzip.compress(sample.encode()),
        "a gzip bomb": gzip.compress(bytes(_FIVE_MEGABYTES)),
        "NUL bytes": b"\x00" * 100,
        "5 MB in base64": b"x" * _FIVE_MEGABYTES,
    }.items():
        yield Hostile(name, base64.b64encode(raw).decode(), as_base64)
    yield Hostile("invalid base64", "%%%" + sample, as_base64)


def _types(sample: str) -> Iterator[Hostile]:
    for value in (
        "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
        "application/json, text/html", "text/json", "application/jsonp", "*/*",
    ):  # fmt: skip
        yield Hostile(f"type {value}", sample, {"headers": {"content-type": value}})
    for value in ("APPLICATION/JSON", "Application/Json; charset=UTF-8", "application/json ; x=y", ""):
        yield Hostile(f"type {value!r}", sample, {"headers": {"content-type": value}}, refused=False)


def _values(sample: str) -> Iterator[Hostile]:
    """Objects with the right names and hostile values."""
    fields: dict[str, Any] = json.loads(sample)
    values: dict[str, Any] = {
        "null": None, "a number": 10**30, "a list": [_ECHO], "an object": {"$ne": None, "S": _ECHO}, "true": True,
        "a long text": _ECHO * 1_500, "an invisible text": _INVISIBLE * 3, "half a surrogate pair": "\ud83d" * 20,
    }  # fmt: skip
    for name, value in values.items():
        refused = "invisible" not in name  # a dream may have any characters
        yield Hostile(f"every field is {name}", json.dumps(dict.fromkeys(fields, value)), {}, refused)
    first = next(iter(fields))
    twice = f'{{"{first}": {json.dumps(_ECHO)}, {sample[1:]}'
    yield Hostile("a field twice", twice, {}, refused=False)
    yield Hostile("an escaped field name", sample.replace(first[0], f"\\u{ord(first[0]):04x}", 1), {}, refused=False)


def hostile(route: str) -> list[Hostile]:
    """Return the hostile variants of a route's valid body; last those that it may accept."""
    sample = str(event_of(route, public=True).get("body", _SIGN_OUT))
    found = [*_texts(sample), *_encodings(sample), *_types(sample), *_values(sample)]
    if route not in _LARGE:
        found = [each for each in found if len(each.body) < _MEGABYTE]
    return sorted(found, key=lambda each: not each.refused)


def _is_safe(reply: Reply, each: Hostile) -> bool:
    expected = 400 <= reply.status < 500 if each.refused else reply.status < 500
    if not expected or len(reply.text) > _MAX_REPLY or _ECHO in reply.text:
        return False
    return not any(word in reply.text for word in _INTERNALS)


@attack("hostile bodies on every route")
def on_every_route(target: Target, outcome: Outcome) -> None:
    # Of one route one after the other: two confirmations of an address at once would be a conflict.
    replies = in_parallel(lambda route: _answers(target, route), list(_ROUTES))
    for route, answers in zip(_ROUTES, replies, strict=True):
        for each, reply in answers:
            outcome.expect(_is_safe(reply, each), f"{route}, {each.name}: {reply.status}, {len(reply.text)} characters")
            if reply.status == 422:
                errors = json.loads(reply.text).get("errors", [])
                outcome.expect(len(errors) <= 20, f"{route}, {each.name}: {len(errors)} errors")


def _answers(target: Target, route: str) -> list[tuple[Hostile, Reply]]:
    # A user for each route, since one of them signs out.
    token = target.register().access_token
    found = []
    for each in hostile(route):
        changes = dict(each.changes)
        headers = {"authorization": f"Bearer {token}", **changes.pop("headers", {})}
        found.append((each, target.call(route, each.body, headers=headers, **changes)))
    return found


@attack("answers that a cache or a browser may misuse")
def headers_of_answers(target: Target, outcome: Outcome) -> None:
    user = target.register()
    answers = {
        "GET /auth/me": user.get("/auth/me"),
        "GET /dreams": user.get("/dreams"),
        "GET /videos": user.get("/videos"),
        "GET /dreams/stats": user.get("/dreams/stats"),
        "POST /dreams/analyze": user.post("/dreams/analyze", {"dream_text": f"<script>alert(1)</script> {DREAM}"}),
        "an unknown dream": user.get(f"/dreams/{user.id}"),
        "an invalid body": user.post("/dreams/analyze", {}),
    }
    found = {name: dict(answer.headers) for name, answer in answers.items()}
    reply = target.call("POST /api/v1/auth/login", {"email": user.email, "password": "Sleepy-Heads-1"})
    found["POST /auth/login"] = dict(reply.headers)
    for name, headers in found.items():
        outcome.expect("no-store" in headers.get("cache-control", ""), f"{name}: no Cache-Control: no-store")
        outcome.expect(headers.get("x-content-type-options") == "nosniff", f"{name}: no nosniff")
        outcome.expect("max-age=" in headers.get("strict-transport-security", ""), f"{name}: no HSTS")
        outcome.expect("json" in headers.get("content-type", ""), f"{name}: {headers.get('content-type')}")


@attack("invalid requests count against the limit of an address")
def are_counted(target: Target, outcome: Outcome) -> None:
    limit = target.limit("ApiAuthFunction", "AUTH_RATE_LIMIT_PER_MINUTE")
    network = f"2001:db8:{secrets.token_hex(2)}:1"
    for name, addresses in {
        "an address": [random_address()] * (limit + 1),
        "a /64 network": [f"{network}::{number + 1:x}" for number in range(limit + 1)],
    }.items():
        calls = zip(addresses, public_account_routes() * limit, strict=False)
        replies = [
            target.call(route, "not json" if "1" in address else "{}", address=address) for address, route in calls
        ]
        refused = [reply.status for reply in replies].index(429) if replies[-1].status == 429 else None
        outcome.expect(refused == limit, f"request {limit + 1} from {name}: {replies[-1].status}")
        outcome.tries += limit


@attack("methods, paths and headers", remote=True)
def requests(target: Target, outcome: Outcome) -> None:
    user = target.register()
    for method in ("TRACE", "PROPFIND", "COPY", "PUT", "OPTIONS", "HEAD", "PATCH"):
        answer = user.request(method, "/dreams/stats")
        outcome.expect(answer.status_code in (204, 400, 403, 404, 405, 501), f"{method}: {answer.status_code}")
    for path in ("/api/v1/../../etc/passwd", "/api/v1/docs/assets/..%2f..%2fapp.py", "/api//v1/auth/me/..;/admin",
                 "/api/v1/docs/assets/%2e%2e/%2e%2e/app.py", "/.git/config", "/.env", "/api/v1/docs/assets/app.py",
                 "/_ministack/reset", "/_aws/", "/_localstack/health", "/api/v2/auth/me", "/%00"):  # fmt: skip
        answer = target.http.get(path)
        outcome.expect(answer.status_code in (400, 403, 404), f"GET {path}: {answer.status_code}")
    overrides = {"X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/api/v1/health", "X-Rewrite-URL": "/"}
    answer = user.get("/auth/me", headers=overrides)
    outcome.expect(answer.status_code == 200 and answer.json()["id"] == user.id, "a header has changed the route")
    origin = target.http.get("/api/v1/health", headers={"Origin": "https://evil.example"})
    allowed = origin.headers.get("access-control-allow-origin")
    outcome.expect(allowed in (None, ""), f"CORS allows a foreign origin: {allowed}")
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    answer = httpx.options(f"{target.outputs['api_url']}/api/v1/auth/me", headers=preflight, trust_env=False)
    outcome.expect(
        answer.headers.get("access-control-allow-origin") in (None, ""), "CORS allows a foreign origin to delete"
    )
