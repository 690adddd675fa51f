"""Who is let in: the gateway's own answers, over the wire, on every protected route of the template."""

import base64
import hmac
import json
import time

import httpx
import pytest

from local.sample_events import event_of, routes
from tests.e2e.client import PASSWORD, ControlPlane, User

PROTECTED = sorted(route for route, public in routes().items() if not public)


def call(http: httpx.Client, route: str, authorization: str | None) -> httpx.Response:
    event = event_of(route, public=False)
    headers = {"Authorization": authorization} if authorization is not None else {}
    body = {"content": event["body"]} if "body" in event else {}
    return http.request(
        event["requestContext"]["http"]["method"],
        event["rawPath"],
        headers={**headers, "Content-Type": "application/json"},
        **body,
    )


def unsigned(token: str, **changes: object) -> str:
    """The token with other claims and ``alg: none``."""
    _, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part({**claims, **changes})}."


def resigned(token: str, **changes: object) -> str:
    """The token with other claims and the old signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{_part({**claims, **changes})}.{signature}"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("route", PROTECTED)
def test_a_route_lets_nobody_in_without_a_good_token(route: str, http: httpx.Client, user: User) -> None:
    token = user.access_token
    refused = {
        "none": None,
        "empty": "",
        "garbage": "Bearer garbage",
        "three garbage parts": "Bearer a.b.c",
        "another scheme": f"Basic {token}",
        "alg none": f"Bearer {unsigned(token)}",
        "changed": f"Bearer {resigned(token, sub='8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f')}",
        "expired": f"Bearer {resigned(token, exp=int(time.time()) - 60)}",
    }
    for name, authorization in refused.items():
        answer = call(http, route, authorization)
        assert (name, answer.status_code) == (name, 401), answer.text
        assert answer.json() == {"message": "Unauthorized"}


@pytest.mark.parametrize("route", PROTECTED)
def test_an_id_token_is_forbidden(route: str, http: httpx.Client, user: User, control: ControlPlane) -> None:
    answer = call(http, route, f"Bearer {id_token(user, control)}")
    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert control.rows("dreams", user.id) == []


def id_token(user: User, control: ControlPlane) -> str:
    cognito = control.client("cognito-idp")
    pool, client = control.outputs["user_pool_id"], control.outputs["user_pool_client_id"]
    secret = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]["ClientSecret"]
    digest = hmac.digest(secret.encode(), f"{user.email}{client}".encode(), "sha256")
    answer = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={
            "USERNAME": user.email,
            "PASSWORD": PASSWORD,
            "SECRET_HASH": base64.b64encode(digest).decode(),
        },
    )
    return str(answer["AuthenticationResult"]["IdToken"])
