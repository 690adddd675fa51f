"""Authorization over HTTP: the gateway's responses on every protected route of the template."""

import base64
import hmac
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from local.sample_events import event_of, routes
from tests.e2e.client import PASSWORD, ControlPlane, User, register
from tests.e2e.shared_stack import StackCommand
from tests.fakes.token_issuer import COGNITO_SCOPE

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
    """Return the token with other claims and ``alg: none``."""
    return jwt.encode({**claims_of(token), **changes}, "", algorithm="none", headers=_key_id(token))


def resigned(token: str, **changes: object) -> str:
    """Return the token with other claims and the old signature."""
    forged = jwt.encode({**claims_of(token), **changes}, "x" * 32, algorithm="HS256")
    return f"{token.split('.')[0]}.{forged.split('.')[1]}.{token.split('.')[2]}"


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def _key_id(token: str) -> dict[str, str]:
    return {"kid": str(jwt.get_unverified_header(token)["kid"])}


class Forger:
    """Signs tokens with the pool's own private key, which the emulator stores in its folder."""

    def __init__(self, key: str, token: str) -> None:
        self._key = key
        self._token = token

    def signed(self, key: Any = None, *, without: str | None = None, **changes: object) -> str:
        """Return the token with other claims, signed with the pool's key or with another under the same key id."""
        claims = {name: value for name, value in {**claims_of(self._token), **changes}.items() if name != without}
        return jwt.encode(claims, key or self._key, algorithm="RS256", headers=_key_id(self._token))


@pytest.fixture(scope="module")
def signed_in(http: httpx.Client) -> User:
    return register(http)


@pytest.fixture(scope="module")
def forger(local: StackCommand, signed_in: User) -> Forger:
    return forger_of(local, signed_in)


def forger_of(local: StackCommand, user: User) -> Forger:
    """Return a forger of the user's token."""
    (file,) = (local.folder / "state").rglob(f"{local.outputs()['user_pool_id']}-access.pem")
    return Forger(file.read_text(), user.access_token)


@pytest.fixture(scope="module")
def refused(forger: Forger, signed_in: User) -> dict[str, str | None]:
    """Credentials that the gateway rejects, by name."""
    token = signed_in.access_token
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "none": None,
        "empty": "",
        "garbage": "Bearer garbage",
        "three garbage parts": "Bearer a.b.c",
        "another scheme": f"Basic {token}",
        "alg none": f"Bearer {unsigned(token)}",
        "changed": f"Bearer {resigned(token, sub='8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f')}",
        "wrong key": f"Bearer {forger.signed(other_key)}",
        "wrong issuer": f"Bearer {forger.signed(iss=claims_of(token)['iss'] + '2')}",
        "other client": f"Bearer {forger.signed(client_id='another-client')}",
        "expired": f"Bearer {forger.signed(exp=int(time.time()) - 60)}",
        "without expiry": f"Bearer {forger.signed(without='exp')}",
        "expiry as text": f"Bearer {forger.signed(exp='2100-01-01')}",
    }


@pytest.fixture(scope="module")
def logged_out(http: httpx.Client) -> User:
    user = register(http)
    assert user.post("/auth/logout").status_code == 204
    return user


@pytest.fixture(scope="module")
def identity(signed_in: User, control: ControlPlane) -> str:
    return id_token(signed_in, control)


def test_the_forgers_key_is_the_pools_key(http: httpx.Client, forger: Forger) -> None:
    assert call(http, "GET /api/v1/auth/me", f"Bearer {forger.signed(jti='another')}").status_code == 200


@pytest.mark.parametrize("route", PROTECTED)
def test_every_route_rejects_invalid_tokens(
    route: str, http: httpx.Client, refused: dict[str, str | None], signed_in: User, control: ControlPlane
) -> None:
    for name, authorization in refused.items():
        answer = call(http, route, authorization)
        assert (name, answer.status_code) == (name, 401), answer.text
        assert answer.json() == {"message": "Unauthorized"}
    assert control.rows("dreams", signed_in.id) == []


@pytest.mark.parametrize("route", PROTECTED)
def test_every_route_rejects_revoked_sessions(route: str, http: httpx.Client, logged_out: User) -> None:
    answer = call(http, route, f"Bearer {logged_out.access_token}")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["type"] == "urn:dreamvision:problem:unauthenticated"


@pytest.mark.parametrize("route", PROTECTED)
def test_a_token_without_our_scope_is_forbidden(route: str, http: httpx.Client, identity: str, forger: Forger) -> None:
    for token in (identity, forger.signed(scope=COGNITO_SCOPE)):
        answer = call(http, route, f"Bearer {token}")
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})


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
