"""The API's functions called with their sample events, as API Gateway would."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from dreamvision.core import secrets
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.dreams.uploads import Uploads
from dreamvision.queries.dreams import DreamQueries
from dreamvision.queries.presenters import Presenter
from dreamvision.queries.videos import VideoQueries
from dreamvision.schemas.videos import VideoStatus
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.service import VideoService
from dreamvision.videos.sweeper import SweepIncompleteError
from dreamvision.videos.workflow import VideoWorkflow
from local.sample_events import USER_ID, event_of, routes
from tests.conftest import Event, load_event, load_function
from tests.fakes.step_functions import MACHINE, FakeStepFunctions

CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
)
# Functions whose dependencies moto covers; the account's functions are tested with a strict user pool.
FUNCTIONS = {
    "GET /": "api/health",
    "GET /api/v1/health": "api/health",
    "GET /api/v1/health/db": "api/health",
    "GET /api/v1/dreams": "api/dreams",
    "GET /api/v1/dreams/{dream_id}": "api/dreams",
    "GET /api/v1/videos/{job_id}": "api/videos",
    "POST /api/v1/videos/generate": "api/videos",
    "POST /api/v1/storage/thumbnails": "api/uploads",
}


@pytest.fixture(autouse=True)
def _fresh(database: Database) -> None:
    # A container caches these between requests; a test must not.
    for shared in (
        Database.shared,
        DreamQueries.shared,
        Presenter.shared,
        VideoService.shared,
        VideoQueries.shared,
        Uploads.shared,
    ):
        shared.cache_clear()


def call(route: str, **changes: Any) -> tuple[int, dict[str, Any], Any]:
    event: Event = {**event_of(route, public=routes()[route]), **changes}
    answer = load_function(FUNCTIONS[route]).handler(event, CONTEXT)
    return answer["statusCode"], answer["headers"], json.loads(answer["body"]) if answer["body"] else None


def without_claims(route: str, authorization: str | None = None) -> dict[str, Any]:
    event = event_of(route, public=False)
    context = {name: value for name, value in event["requestContext"].items() if name != "authorizer"}
    headers = {name: value for name, value in event["headers"].items() if name != "authorization"}
    if authorization is not None:
        headers["authorization"] = authorization
    return {"requestContext": context, "headers": headers}


def test_information_and_health() -> None:
    assert call("GET /")[2]["docs"] == "/api/v1/docs"
    assert call("GET /api/v1/health")[2]["status"] == "healthy"
    assert call("GET /api/v1/health/db")[2]["status"] == "healthy"


def test_health_is_degraded_if_a_table_is_missing(database: Database) -> None:
    from dreamvision.database.health import HealthCheck

    HealthCheck.shared.cache_clear()
    boto3.client("dynamodb").delete_table(TableName=database.names.videos_table)
    status, _, body = call("GET /api/v1/health")
    assert (status, body["status"], body["database"]) == (200, "degraded", "error")
    assert call("GET /api/v1/health/db")[2]["tables"]["videos"] == "error"
    HealthCheck.shared.cache_clear()


def test_an_empty_history() -> None:
    status, _, body = call("GET /api/v1/dreams")
    assert (status, body["dreams"], body["total"], body["pages"]) == (200, [], 0, 0)


@pytest.mark.parametrize(
    "route", ["GET /api/v1/dreams/{dream_id}", "GET /api/v1/videos/{job_id}", "POST /api/v1/storage/thumbnails"]
)
def test_unknown_ids_are_not_found(route: str) -> None:
    status, headers, body = call(route)
    assert status == 404
    assert headers["Content-Type"] == "application/problem+json"
    assert body["request_id"] == load_event("api/get-dreams")["requestContext"]["requestId"]


@pytest.mark.parametrize("route", [route for route in FUNCTIONS if not routes()[route]])
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer garbage", "Basic dGVzdDp0ZXN0", "Bearer a.b.c"])
def test_the_function_verifies_the_token_if_the_gateway_passes_no_claims(route: str, authorization: str | None) -> None:
    status, headers, body = call(route, **without_claims(route, authorization))
    assert status == 401
    assert headers["WWW-Authenticate"] == "Bearer"
    assert body["type"] == "urn:dreamvision:problem:unauthenticated"


@pytest.mark.parametrize("change", [{"token_use": "id"}, {"sub": ""}, {"origin_jti": ""}])
def test_claims_of_other_tokens_are_rejected(change: dict[str, str]) -> None:
    event = event_of("GET /api/v1/dreams", public=False)
    event["requestContext"]["authorizer"]["jwt"]["claims"] |= change
    assert call("GET /api/v1/dreams", requestContext=event["requestContext"])[0] == 401


def test_an_unexpected_error_reveals_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"the secret of {USER_ID} is 42")

    monkeypatch.setattr(DreamQueries, "page", explode)
    status, _, body = call("GET /api/v1/dreams")
    assert status == 500
    assert body["type"] == "urn:dreamvision:problem:internal_error"
    assert "42" not in json.dumps(body)
    (record,) = [record for record in caplog.records if record.msg == "unexpected error"]
    assert record.__dict__["errors"] == ["RuntimeError"]
    assert record.__dict__["frames"][-1].endswith(" explode")
    assert "the secret of" not in str(record.__dict__)


@pytest.fixture
def unreachable_renderer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of Runway, and an address where nobody answers."""
    boto3.client("secretsmanager").create_secret(Name="runway", SecretString="key_sandbox")
    secrets._provider.cache_clear()
    monkeypatch.setenv("RUNWAY_SECRET", "runway")
    monkeypatch.setenv("RUNWAY_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RUNWAY_MODEL", "gen4.5")


@pytest.mark.usefixtures("unreachable_renderer")
def test_the_event_of_a_stopped_execution_is_handled() -> None:
    # A video that was deleted meanwhile is not an error.
    event = load_event("triggers/execution-stopped")
    assert load_function("triggers/execution_stopped").handler(event, CONTEXT) == {}


@pytest.mark.usefixtures("unreachable_renderer")
def test_the_sweep_keeps_a_video_whose_render_it_cannot_cancel(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an abandoned video whose render was paid for
    videos, job_id, yesterday = VideoLifecycle(database), new_id(), utc_now() - timedelta(days=1)
    videos.add_with_dream(USER_ID, job_id, new_id(), "I was flying", 5, yesterday)
    videos.request_render(USER_ID, job_id, yesterday)
    videos.record_render(USER_ID, job_id, "task-1", None, yesterday)
    states = FakeStepFunctions()
    states.executions[job_id] = "FAILED"
    workflow = VideoWorkflow(MACHINE, cast(Any, states))
    monkeypatch.setattr(VideoWorkflow, "shared", lambda: workflow)
    # WHEN Runway does not answer
    with pytest.raises(SweepIncompleteError):
        load_function("triggers/sweep").handler({}, CONTEXT)
    # THEN the video is left to the next sweep
    assert videos.get(USER_ID, job_id, consistent=True).status is VideoStatus.PENDING
