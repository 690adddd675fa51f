"""The stack under attack: its clients, accounts of the attackers, and its functions as API Gateway invokes them."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import boto3
import httpx
from botocore.config import Config

from dreamvision.database.client import Database
from local.sample_events import event_of, routes
from local.sample_functions import functions_of_routes
from local.settings import STACK_NAME
from tests.e2e.client import PASSWORD, ControlPlane, User

_SECONDS = 45.0
_REPEATS = 4
_CONNECTIONS = 64
_HIGHEST_LIMIT = 100


class LimitRaisedError(Exception):
    """The stack's parameters raise a limit so far that no attack exceeds it."""


@dataclass(frozen=True)
class Reply:
    """A function's response to API Gateway. ``status`` is 500 if the function itself failed."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def problem(self) -> str:
        """The name of the problem type, or an empty string."""
        try:
            return str(json.loads(self.text)["type"]).rpartition(":")[2]
        except (ValueError, KeyError, TypeError):
            return ""


class _PatientTransport(httpx.HTTPTransport):
    """Repeats requests that the gateway answered with 502 or 503 instead of the API.

    The emulator's does if the machine is too busy to start a function's worker in time.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(_REPEATS):
            response = super().handle_request(request)
            if response.status_code not in (502, 503) or b'"type"' in response.read():
                return response
        return super().handle_request(request)


class Target:
    """A stack. ``control`` is the operator's view of a local one; without it, only the public API is there."""

    def __init__(self, outputs: dict[str, Any], control: ControlPlane | None) -> None:
        self.outputs = outputs
        self._control = control
        self.http = httpx.Client(
            base_url=outputs["api_url"], timeout=_SECONDS, trust_env=False, transport=_PatientTransport()
        )
        self._registered: list[User] = []

    @property
    def control(self) -> ControlPlane:
        """The operator's view."""
        assert self._control is not None, "this attack needs the local stack"
        return self._control

    def close(self) -> None:
        """Delete the accounts on a deployed stack. On a local one they stay: an erasure takes minutes."""
        if self._control is None:
            for user in self._registered:
                user.request("DELETE", "/auth/me", json={"password": PASSWORD})
        self.http.close()

    # ------------------------------------------------------------ accounts

    def register(self, tier: str = "free") -> User:
        """Register a fresh user; on a local stack, from an address that nobody else has."""
        name = f"attacker-{secrets.token_hex(5)}"
        body = {"email": f"{name}@example.com", "password": PASSWORD, "username": name}
        if self._control is None:
            answer = self.http.post("/api/v1/auth/register", json=body)
            status, text = answer.status_code, answer.text
        else:
            reply = self.call("POST /api/v1/auth/register", body)
            status, text = reply.status, reply.text
        assert status == 200, f"registration: {status}"
        tokens = json.loads(text)
        user = User(
            self.http, tokens["user"]["id"], body["email"], name, tokens["access_token"], tokens["refresh_token"]
        )
        self._registered.append(user)
        if tier != "free":
            self.operate("user.set_tier", user_id=user.id, tier=tier)
        return user

    def sign_in(self, user: User) -> User:
        """Return the user with another session."""
        reply = self.call("POST /api/v1/auth/login", {"email": user.email, "password": PASSWORD})
        assert reply.status == 200, f"sign-in: {reply.status}"
        tokens = json.loads(reply.text)
        return User(self.http, user.id, user.email, user.username, tokens["access_token"], tokens["refresh_token"])

    # ------------------------------------------------------------ functions

    def call(self, route: str, body: object = None, *, address: str | None = None, **changes: Any) -> Reply:
        """Invoke a route's function with API Gateway's event for a request from ``address``.

        The emulator gives every request the same address, and limits by address would let few attacks through. By
        default the address is random. ``changes`` replace fields of the event; without ``requestContext`` among them,
        the event has no verified claims, so that the function checks the token itself.
        """
        event = event_of(route, public=True)
        event["requestContext"]["http"]["sourceIp"] = address or random_address()
        event["headers"] |= {"content-type": "application/json"}
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        event["headers"] |= changes.pop("headers", {})
        answer = self.invoke(functions_of_routes()[route], event | changes)
        if "statusCode" not in answer:
            return Reply(500, {}, json.dumps(answer))
        headers = {name.lower(): str(value) for name, value in answer["headers"].items()}
        return Reply(int(answer["statusCode"]), headers, answer.get("body") or "")

    def invoke(self, logical_id: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return a function's answer, or its error."""
        answer = self._lambda.invoke(FunctionName=self._names[logical_id], Payload=json.dumps(event).encode())
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def operate(self, command: str, **fields: object) -> None:
        """Give an operator's command."""
        answer = self.invoke("OperationsFunction", {"operator": "attack", "command": command, **fields})
        assert answer.get("ok"), f"{command}: {answer}"

    def settings(self, logical_id: str) -> Mapping[str, str]:
        """Return the environment of a function."""
        found = self._lambda.get_function_configuration(FunctionName=self._names[logical_id])
        variables: Mapping[str, str] = found["Environment"]["Variables"]
        return variables

    def limit(self, logical_id: str, name: str) -> int:
        """Return a limit from a function's environment, small enough to be exceeded.

        Raises:
            LimitRaisedError: it is not.
        """
        found = int(self.settings(logical_id)[name])
        if found > _HIGHEST_LIMIT:
            raise LimitRaisedError(f"{name} is {found}: start the stack without PARAMETERS")
        return found

    @cached_property
    def database(self) -> Database:
        """The stack's tables for many threads, as the code of the functions accesses them."""
        create: Any = boto3.resource
        client = create("dynamodb", **self._connection(retries=4)).meta.client
        return Database(self.control.database().names, client)

    @cached_property
    def _lambda(self) -> Any:
        create: Any = boto3.client
        return create("lambda", **self._connection(retries=1))

    def _connection(self, retries: int) -> dict[str, Any]:
        return {
            "endpoint_url": self.outputs["endpoint_url"],
            "region_name": self.outputs["region"],
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(
                max_pool_connections=_CONNECTIONS, retries={"total_max_attempts": retries}, read_timeout=90
            ),
        }

    @cached_property
    def _names(self) -> Mapping[str, str]:
        pages = (
            self.control.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK_NAME)
        )
        found = [each for page in pages for each in page["StackResourceSummaries"]]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


def random_address() -> str:
    """Return an address of the benchmarking network (RFC 2544), which no client has."""
    return f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


@cache
def protected_routes() -> tuple[str, ...]:
    return tuple(sorted(route for route, public in routes().items() if not public))


@cache
def public_account_routes() -> tuple[str, ...]:
    return tuple(sorted(route for route, public in routes().items() if public and "/auth/" in route))
