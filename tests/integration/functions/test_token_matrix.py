"""Every protected route of the template without the gateway's claims: the function verifies the token itself."""

import json
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import IdentitySettings, TokenVerifier
from dreamvision.database.client import Database
from local.sample_events import SESSION_ID, USER_ID, event_of, routes
from tests.conftest import load_function
from tests.fakes.aws import ENVIRONMENT, template
from tests.fakes.token_issuer import TokenIssuer

CONTEXT = SimpleNamespace(
    function_name="function", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="a-request"
)
SETTINGS = IdentitySettings.from_environment(ENVIRONMENT)
ISSUER, CLIENT = SETTINGS.token_issuer, SETTINGS.user_pool_client_id
POOL = TokenIssuer(ISSUER, CLIENT)


def _functions() -> dict[str, str]:
    """Return the function folder of each protected route."""
    found = {}
    for resource in template()["Resources"].values():
        for event in (resource.get("Properties", {}).get("Events") or {}).values():
            if event["Type"] == "HttpApi":
                route = f"{event['Properties']['Method']} {event['Properties']['Path']}"
                found[route] = resource["Properties"]["CodeUri"].removeprefix("functions/").strip("/")
    return {route: folder for route, folder in found.items() if not routes()[route]}


PROTECTED = _functions()


def _claims(**changes: Any) -> dict[str, Any]:
    return POOL.access_claims(USER_ID, SESSION_ID, time.time()) | changes


def _without(name: str) -> dict[str, Any]:
    return {claim: value for claim, value in _claims().items() if claim != name}


def good() -> str:
    return f"Bearer {POOL.sign(_claims())}"


def refused() -> dict[str, str | None]:
    """Return the refused values of ``Authorization`` by kind."""
    return {
        "none": None,
        "empty": "",
        "no token": "Bearer",
        "garbage": "Bearer garbage",
        "another scheme": good().replace("Bearer", "Basic"),
        "alg none": f"Bearer {jwt.encode(_claims(), '', algorithm='none', headers={'kid': POOL.key_id})}",
        "alg HS256": f"Bearer {jwt.encode(_claims(), 'x' * 32, algorithm='HS256', headers={'kid': POOL.key_id})}",
        "wrong key": f"Bearer {TokenIssuer(ISSUER, CLIENT, 'second').sign(_claims(), POOL.key_id)}",
        "unknown key": f"Bearer {TokenIssuer(ISSUER, CLIENT, 'second').sign(_claims())}",
        "wrong issuer": f"Bearer {POOL.sign(_claims(iss=ISSUER + '2'))}",
        "other client": f"Bearer {POOL.sign(_claims(client_id='another-client'))}",
        "no client": f"Bearer {POOL.sign(_without('client_id'))}",
        "expired": f"Bearer {POOL.sign(_claims(exp=int(time.time()) - 1))}",
        "without an end": f"Bearer {POOL.sign(_without('exp'))}",
        "ID token": f"Bearer {POOL.sign(POOL.id_claims(USER_ID, SESSION_ID, time.time(), 'luna@example.com'))}",
        "without a session": f"Bearer {POOL.sign(_without('origin_jti'))}",
        "without a user": f"Bearer {POOL.sign(_without('sub'))}",
    }


@pytest.fixture(autouse=True)
def _shared(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier(SETTINGS, fetch_keys=POOL.jwks)
    monkeypatch.setattr(TokenVerifier, "shared", lambda: verifier)
    monkeypatch.setattr(Database, "shared", lambda: database)


def call(route: str, authorization: str | None) -> tuple[int, dict[str, str], dict[str, Any]]:
    event = event_of(route, public=False)
    del event["requestContext"]["authorizer"], event["headers"]["authorization"]
    if authorization is not None:
        event["headers"]["authorization"] = authorization
    answer = load_function(PROTECTED[route]).handler(event, CONTEXT)
    return answer["statusCode"], answer["headers"], json.loads(answer["body"])


def _require_refused(name: str, answer: tuple[int, dict[str, str], dict[str, Any]]) -> None:
    status, headers, body = answer
    assert (name, status, headers["WWW-Authenticate"]) == (name, 401, "Bearer")
    assert body["type"] == "urn:dreamvision:problem:unauthenticated"


def test_a_valid_token_is_accepted() -> None:
    assert call("GET /api/v1/dreams", good())[0] == 200


@pytest.mark.parametrize("route", sorted(PROTECTED))
def test_every_function_rejects_invalid_tokens(route: str) -> None:
    for name, authorization in refused().items():
        _require_refused(name, call(route, authorization))


@pytest.mark.parametrize("route", sorted(PROTECTED))
def test_every_function_rejects_revoked_sessions(route: str, database: Database) -> None:
    Sessions(database).revoke(USER_ID, SESSION_ID)

    _require_refused("logged out", call(route, good()))
