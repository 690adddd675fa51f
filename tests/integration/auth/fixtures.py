"""An account backend for tests: the tables (moto), a strict user pool, one clock, and the function itself."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from runpy import run_path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from dreamvision.auth.breached_passwords import BreachedPasswordSettings, NewPasswordRules
from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.profiles import AccountProfiles
from dreamvision.auth.registrations import RegistrationLock
from dreamvision.auth.service import AccountService
from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import IdentitySettings, TokenVerifier, UnauthenticatedError, checked_claims
from dreamvision.database.client import Database, TableNames
from dreamvision.devices.repository import DeviceRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.rate_limits import RateLimits, RateSettings
from dreamvision.limits.repository import LimitsRepository
from dreamvision.schemas.users import TokenResponse
from dreamvision.users.repository import ProfileRepository
from dreamvision.users.usernames import RESERVATION_LIFETIME, Usernames
from tests.conftest import REPOSITORY
from tests.fakes.cognito import CLIENT_ID, FakeCognito
from tests.fakes.cognito_state import POOL_ID
from tests.fakes.cognito_tokens import Trigger
from tests.permissions.running import running_as, running_outside

_FUNCTIONS = REPOSITORY / "functions"
NAMES = TableNames(profiles_table="profiles", dreams_table="dreams", videos_table="videos", guards_table="guards")
_KEYS = {NAMES.profiles_table: "user_id", NAMES.guards_table: "guard"}
_REGION = "eu-central-1"
IDENTITY = IdentitySettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID, aws_region=_REGION)

EMAIL = "luna@example.com"
PASSWORD = "Moonlight7"
OTHER_PASSWORD = "Sunshine8"
NAME = "Luna"


class Clock:
    """A shared clock, in Unix seconds."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def utc(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    """The response that a client receives."""

    status: int
    headers: dict[str, str]
    body: Any


class AccountBackend:
    """The account service with its user pool and tables."""

    def __init__(
        self,
        tables: "Tables",
        pre_sign_up: Trigger | None = None,
        *,
        rotation: bool = True,
        refuses_breached: bool = False,
    ) -> None:
        self.clock = Clock()
        self.database = Database(NAMES, cast(Any, tables))
        self.cognito = FakeCognito(pre_sign_up or trigger(), clock=self.clock, rotation=rotation)
        self.profiles = ProfileRepository(self.database)
        self.sessions = Sessions(self.database, self.clock)
        self.usernames = Usernames(self.database)
        settings = CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID)
        self.pool = UserPool(settings, cast(Any, self.cognito))
        self.devices = DeviceRepository(self.database, self.clock.utc)
        self.limits = RateLimits(LimitsRepository(self.database), RateSettings(), self.clock, self.pool.seal)
        self.accounts = AccountService(
            self.pool,
            AccountProfiles(self.pool, self.profiles, self.usernames, DailyCounts(self.database), self.clock.utc),
            self.usernames,
            self.sessions,
            self.limits,
            RegistrationLock(self.database, self.clock),
            NewPasswordRules(BreachedPasswordSettings(refuse_breached_passwords=refuses_breached)),
            self.devices,
            self.clock.utc,
        )

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return every item of a table, also while the function's role is enforced."""
        with running_outside():
            return self.database.client.scan(TableName=table)["Items"]

    def is_open(self, access_token: str) -> bool:
        """Return whether the handlers would accept this token."""
        try:
            access = checked_claims(claims_of(access_token), IDENTITY)
            self.sessions.require_active(access.user_id, access.session_id, access.issued_at)
        except UnauthenticatedError:
            return False
        return True


class Tables:
    """A DynamoDB client that makes one call at a time: moto's transactions are not isolated, DynamoDB's are."""

    def __init__(self) -> None:
        self._client = boto3.resource("dynamodb", region_name=_REGION).meta.client
        self._lock = threading.Lock()
        for name, key in _KEYS.items():
            self._client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        call = getattr(self._client, operation)

        def alone(**request: Any) -> Any:
            with self._lock:
                return call(**request)

        return alone

    def empty(self) -> "Tables":
        """Delete all items."""
        for name, key in _KEYS.items():
            for item in self._client.scan(TableName=name)["Items"]:
                self._client.delete_item(TableName=name, Key={key: item[key]})
        return self


def trigger(*, confirm_email: bool = False) -> Trigger:
    """Return the handler of functions/triggers/pre_sign_up."""
    handler = run_path(str(_FUNCTIONS / "triggers" / "pre_sign_up" / "app.py"))["handler"]
    handler.__globals__["_allows_unconfirmed"] = lambda: not confirm_email
    return cast(Trigger, handler)


class AuthApi:
    """``functions/api/auth`` as API Gateway calls it."""

    def __init__(self, backend: AccountBackend) -> None:
        self._module = run_path(str(_FUNCTIONS / "api" / "auth" / "app.py"))
        self._module["register"].__globals__["accounts"] = lambda: backend.accounts

    def __call__(
        self,
        route: str,
        body: Mapping[str, Any] | str | None = None,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        gateway: bool = True,
        encoded: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request. With ``gateway``, the authorizer has verified the token and passes its claims on.

        ``encoded``: the body is base64, as the gateway passes on what is not text. ``headers`` replace the default.
        """
        event = {**_event(route, body, token, query, gateway), "isBase64Encoded": encoded}
        event |= {} if headers is None else {"headers": dict(headers)}
        with running_as("ApiAuth"):
            raw = self._module["handler"](event, _context())
        text = raw.get("body") or ""
        return Answer(raw["statusCode"], raw.get("headers", {}), json.loads(text) if text else None)


def _event(
    route: str, body: Mapping[str, Any] | str | None, token: str | None, query: Mapping[str, str] | None, gateway: bool
) -> dict[str, Any]:
    method, path = route.split(" ")
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    authorizer = {"authorizer": {"jwt": {"claims": _as_texts(token), "scopes": []}}} if token and gateway else {}
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
        "queryStringParameters": dict(query or {}),
        "headers": headers,
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "http": {"method": method, "path": path, "sourceIp": "203.0.113.7"},
            **authorizer,
        },
        "body": body if isinstance(body, str) or body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def _as_texts(token: str) -> dict[str, str]:
    """Return the claims as the gateway passes them on: every value is a string."""
    return {name: str(value) for name, value in claims_of(token).items()}


def _context() -> Any:
    return SimpleNamespace(
        function_name="auth", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id=str(uuid.uuid4())
    )


ADDRESS = "203.0.113.7"
RESERVATION_SECONDS = RESERVATION_LIFETIME.total_seconds()


def register(backend: AccountBackend, email: str = EMAIL, password: str = PASSWORD, name: str = NAME) -> TokenResponse:
    answer = backend.accounts.register(email, password, name)
    assert isinstance(answer, TokenResponse)
    return answer


def held_usernames(backend: AccountBackend) -> set[str]:
    return {item["user_id"] for item in backend.items("profiles") if item["user_id"].startswith("username#")}


def is_empty(backend: AccountBackend) -> bool:
    return not backend.cognito.users and not backend.items("profiles")


@pytest.fixture(scope="module")
def created_tables() -> Iterator[Tables]:
    """The tables, with the keys of template.yaml. Module-scoped, since creating them takes half a second."""
    with mock_aws():
        yield Tables()


@pytest.fixture
def tables(created_tables: Tables) -> Tables:
    return created_tables.empty()


@pytest.fixture
def auth(backend: AccountBackend, monkeypatch: pytest.MonkeyPatch) -> AuthApi:
    """The function on this backend."""
    verifier = TokenVerifier(IDENTITY, fetch_keys=backend.cognito.issuer.jwks)
    monkeypatch.setattr(Database, "shared", lambda: backend.database)
    monkeypatch.setattr(TokenVerifier, "shared", lambda: verifier)
    return AuthApi(backend)


@pytest.fixture
def backend(tables: Tables) -> AccountBackend:
    """A backend without users that confirms new ones at once."""
    return AccountBackend(tables)
