"""An API behind CloudFront: requests that bypass the distribution are refused on every route."""

import json
import uuid
from typing import Any

import boto3
import pytest

from dreamvision.database.client import Database
from local.sample_events import event_of, routes
from tests.conftest import load_function
from tests.fakes.aws import template
from tests.integration.functions.test_api import CONTEXT
from tests.permissions.roles import ORIGIN_SECRET

_SECRET = "correct-horse"
_FOLDERS = {
    f"{event['Properties']['Method']} {event['Properties']['Path']}": each["Properties"]["CodeUri"].strip("/")[10:]
    for each in template()["Resources"].values()
    for event in each.get("Properties", {}).get("Events", {}).values()
    if event["Type"] == "HttpApi"
}


@pytest.fixture(autouse=True)
def _secret(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    value = json.dumps({"current": _SECRET, "previous": ""})
    # Powertools caches a secret by its name, for the whole process.
    name = f"{ORIGIN_SECRET}-{uuid.uuid4().hex}"
    boto3.client("secretsmanager").create_secret(Name=name, SecretString=value)
    monkeypatch.setenv("ORIGIN_SECRET", name)


def call(route: str, headers: dict[str, str]) -> tuple[int, Any]:
    event = event_of(route, public=routes()[route])
    answer = load_function(_FOLDERS[route]).handler({**event, "headers": {**event["headers"], **headers}}, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


@pytest.mark.parametrize("route", _FOLDERS)
@pytest.mark.parametrize("headers", [{}, {"x-origin-secret": "wrong"}, {"x-origin-secret": ""}, {"via": "CloudFront"}])
def test_a_direct_request_is_refused(route: str, headers: dict[str, str]) -> None:
    status, body = call(route, headers)
    assert (status, body["type"]) == (403, "urn:dreamvision:problem:direct_request")


def test_a_request_through_the_distribution_is_answered() -> None:
    assert call("GET /api/v1/health", {"X-Origin-Secret": _SECRET})[0] == 200


def test_without_a_secret_every_request_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGIN_SECRET", "")
    assert call("GET /api/v1/health", {})[0] == 200


def test_an_unreadable_secret_refuses_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORIGIN_SECRET", f"{ORIGIN_SECRET}-none")
    status, body = call("GET /api/v1/health", {"x-origin-secret": _SECRET})
    assert (status, body["type"]) == (500, "urn:dreamvision:problem:internal_error")
