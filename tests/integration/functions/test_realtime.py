"""The functions of the WebSocket API called with their sample events, as API Gateway and the streams would."""

import base64
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import IdentitySettings, TokenVerifier
from dreamvision.core.errors import UnexpectedError
from dreamvision.database.client import Database
from dreamvision.limits.handshakes import HANDSHAKES_PER_MINUTE
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.broadcaster import Broadcaster
from dreamvision.realtime.connections import MAX_CONNECTIONS, ConnectionManager
from dreamvision.realtime.gateway import ConnectionGateway
from dreamvision.realtime.messages import MessageHandler
from dreamvision.realtime.repository import ConnectionRepository
from dreamvision.realtime.sync import SyncService
from local.sample_events import JOB_ID, SESSION_ID, USER_ID
from tests.conftest import Event, load_event, load_function
from tests.fakes.aws import ENVIRONMENT
from tests.fakes.sockets import FakeSockets
from tests.fakes.token_issuer import TokenIssuer

CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
)
SETTINGS = IdentitySettings.from_environment(ENVIRONMENT)
ISSUER = TokenIssuer(SETTINGS.token_issuer, SETTINGS.user_pool_client_id)
SHARED = (Database, ConnectionRepository, ConnectionManager, SyncService, MessageHandler, Broadcaster, Presenter)


@pytest.fixture(autouse=True)
def sockets(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSockets]:
    # A container caches these between invocations; a test must not.
    for each in SHARED:
        each.shared.cache_clear()
    verifier = TokenVerifier(SETTINGS, fetch_keys=ISSUER.jwks)
    fake = FakeSockets()
    monkeypatch.setattr(TokenVerifier, "shared", lambda: verifier)
    monkeypatch.setattr(ConnectionGateway, "shared", lambda: fake)
    yield fake
    for each in SHARED:
        each.shared.cache_clear()


def call(folder: str, event: Event) -> dict[str, Any]:
    answer: dict[str, Any] = load_function(f"realtime/{folder}").handler(event, CONTEXT)
    return answer


def sample(name: str) -> Event:
    return load_event(f"realtime/{name}")


def handshake(token: str) -> Event:
    event = sample("authorize")
    event["headers"]["Sec-WebSocket-Protocol"] = f"dreamvision, bearer.{token}"
    return event


def effect(answer: dict[str, Any]) -> str:
    return str(answer["policyDocument"]["Statement"][0]["Effect"])


def good_token() -> str:
    return ISSUER.sign(ISSUER.access_claims(USER_ID, SESSION_ID, time.time()))


def test_the_authorizer_denies_an_invalid_token_without_raising() -> None:
    assert effect(call("authorize", sample("authorize"))) == "Deny"


def test_the_authorizer_allows_a_session_until_it_is_revoked(database: Database) -> None:
    allowed = call("authorize", handshake(good_token()))
    assert effect(allowed) == "Allow"
    assert allowed["context"]["user_id"] == USER_ID
    Sessions(database).revoke(USER_ID, SESSION_ID)
    assert effect(call("authorize", handshake(good_token()))) == "Deny"


def test_an_internal_error_is_not_a_denial(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError(f"the table of {USER_ID} is on fire")

    monkeypatch.setattr(Sessions, "require_active", explode)
    with pytest.raises(UnexpectedError) as raised:
        call("authorize", handshake(good_token()))
    assert USER_ID not in str(raised.value)
    assert "on fire" not in caplog.text


def test_a_connection_is_registered_notified_and_removed(sockets: FakeSockets) -> None:
    connection_id = sample("connect")["requestContext"]["connectionId"]
    assert call("connect", sample("connect")) == {
        "statusCode": 200,
        "headers": {"Sec-WebSocket-Protocol": "dreamvision"},
    }
    assert call("messages", sample("ping")) == {"statusCode": 200}
    assert call("messages", sample("sync")) == {"statusCode": 200}
    assert call("push", sample("push")) == {"batchItemFailures": []}
    assert [each["type"] for each in sockets.sent(connection_id)] == ["pong", "synced", "video.updated"]
    assert sockets.sent(connection_id)[-1]["job_id"] == JOB_ID
    assert call("disconnect", sample("disconnect")) == {"statusCode": 200}
    call("push", sample("push"))
    assert len(sockets.sent(connection_id)) == 3


def test_a_failed_record_is_reported(sockets: FakeSockets) -> None:
    call("connect", sample("connect"))
    sockets.unreachable.add(sample("connect")["requestContext"]["connectionId"])
    event = sample("push")
    failed = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert call("push", event) == {"batchItemFailures": [{"itemIdentifier": failed}]}


def test_too_many_connections_are_rejected_with_a_reason() -> None:
    event = sample("connect")
    for number in range(MAX_CONNECTIONS):
        event["requestContext"]["connectionId"] = f"c{number}"
        assert call("connect", event)["statusCode"] == 200
    event["requestContext"]["connectionId"] = "one-more"
    answer = call("connect", event)
    assert answer["statusCode"] == 429
    assert "close the app" in answer["body"]


def test_connecting_again_and_again_is_rejected_before_anything_is_registered(database: Database) -> None:
    # GIVEN a user whose connections close at once
    for number in range(HANDSHAKES_PER_MINUTE):
        for folder in ("connect", "disconnect"):
            event = sample(folder)
            event["requestContext"]["connectionId"] = f"c{number}"
            assert call(folder, event)["statusCode"] == 200
    # WHEN they connect once more within the minute
    answer = call("connect", sample("connect"))
    # THEN
    assert (answer["statusCode"], "wait a minute" in answer["body"]) == (429, True)
    assert ConnectionRepository.shared().list_by_user(USER_ID) == []


@pytest.mark.parametrize("folder", ["connect", "disconnect"])
def test_a_message_with_the_name_of_a_gateway_route_is_ignored(folder: str, database: Database) -> None:
    call("connect", sample("connect"))
    event = sample("ping")
    event["requestContext"]["routeKey"] = f"${folder}"
    assert call(folder, event) == {"statusCode": 400}
    assert len(ConnectionRepository.shared().list_by_user(USER_ID)) == 1


def test_logging_out_closes_the_sessions_connections(database: Database, sockets: FakeSockets) -> None:
    call("connect", sample("connect"))
    assert call("close_ended_sessions", sample("close-ended-sessions")) == {"batchItemFailures": []}
    assert sockets.closed == []
    Sessions(database).revoke(USER_ID, SESSION_ID)
    call("close_ended_sessions", sample("close-ended-sessions"))
    assert sockets.closed == [sample("connect")["requestContext"]["connectionId"]]


@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\xff" * 4096, "malformed"), (b"\xff" * 4097, "too_large"), (b"{" * 4097, "too_large")],
    ids=["4,096 bytes that are not UTF-8", "4,097 of them", "4,097 bytes of JSON"],
)
def test_the_size_of_a_binary_message_is_that_of_its_bytes(sockets: FakeSockets, message: bytes, code: str) -> None:
    event = {**sample("ping"), "body": base64.b64encode(message).decode(), "isBase64Encoded": True}
    assert call("messages", event) == {"statusCode": 200}
    (answer,) = sockets.sent(event["requestContext"]["connectionId"])
    assert answer["code"] == code
