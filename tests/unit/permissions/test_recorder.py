"""The hooks see calls, signed links and forms, and denials."""

import sys
from io import BytesIO
from typing import Any

import boto3
import botocore.handlers
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from local.openapi.functions import _load
from tests.conftest import load_function
from tests.permissions import recorder, running
from tests.permissions.calls import Need
from tests.permissions.roles import permissions


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the hooks report, for sessions of this test only."""
    found: list[Any] = []
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", list(botocore.handlers.BUILTIN_HANDLERS))
    recorder.install(found.append, found.append)
    return found


def client(service: str, **options: Any) -> Any:
    session: Any = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    return session.client(service, **options)


def test_a_call_is_seen(seen: list[Any]) -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        stub.add_response("get_item", {})
        dynamodb.get_item(TableName="dreams", Key={"user_id": {"S": "u"}})
    assert seen == [Need("dynamodb:GetItem", "table/dreams")]


def test_a_signed_link_and_a_form_are_seen(seen: list[Any]) -> None:
    s3 = client("s3")
    s3.generate_presigned_url("get_object", Params={"Bucket": "media", "Key": "videos/u/j.mp4"})
    s3.generate_presigned_post("media", Key="uploads/u/x.png")
    assert seen == [Need("s3:GetObject", "media/videos/*"), Need("s3:PutObject", "media/uploads/*")]


def test_a_message_to_a_connection_is_seen(seen: list[Any]) -> None:
    sockets = client("apigatewaymanagementapi", endpoint_url="https://abc.execute-api.us-east-1.amazonaws.com/v1")
    raw = HTTPResponse(BytesIO(), preload_content=False)
    sockets.meta.events.register("before-send", lambda **_: AWSResponse("", 200, HTTPHeaders(), raw))
    sockets.post_to_connection(ConnectionId="c=", Data=b"{}")
    assert seen == [Need("execute-api:ManageConnections", "abc/v1/POST/@connections/*")]


def test_a_call_that_needs_no_permission_is_not_seen(seen: list[Any]) -> None:
    cognito = client("cognito-idp")
    with Stubber(cognito) as stub:
        stub.add_response("revoke_token", {})
        cognito.revoke_token(Token="t", ClientId="c")
    assert seen == []


def test_a_denial_is_seen(seen: list[Any]) -> None:
    states = client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("describe_execution", "AccessDeniedException", "no")
        with pytest.raises(ClientError):
            states.describe_execution(executionArn="arn")
    assert seen == [Need("states:DescribeExecution", "arn"), "DescribeExecution: no"]


@pytest.fixture
def own_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's record does not contain the calls of these tests."""
    monkeypatch.setattr(running, "RECORDED", set())
    monkeypatch.setattr(running, "DENIED", set())


@pytest.mark.usefixtures("own_record")
def test_a_function_may_call_what_its_role_allows() -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub, running.running_as("GenerateVideo") as needed:
        stub.add_response("get_item", {})
        dynamodb.get_item(TableName="DreamsTable", Key={"user_id": {"S": "u"}})
    assert needed == {Need("dynamodb:GetItem", "<DreamsTable.Arn>")}
    assert needed < permissions()["GenerateVideoFunction"]
    assert list(running.RECORDED) == [("GenerateVideoFunction", each) for each in needed]
    assert not running.DENIED


@pytest.mark.usefixtures("own_record")
def test_a_function_may_not_call_anything_else() -> None:
    dynamodb = client("dynamodb")
    with running.running_as("GenerateVideo"), pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.scan(TableName="ProfilesTable-0123456789ab")
    assert list(running.DENIED) == ["GenerateVideoFunction may not dynamodb:Scan on <ProfilesTable.Arn>"]


def test_a_function_that_openapi_has_loaded_runs_with_its_role(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.endswith("_api_health_app")]:
        monkeypatch.delitem(sys.modules, name)
    _load("functions/api/health")
    assert load_function("api/health").handler.__globals__ is vars(running)


@pytest.mark.usefixtures("own_record")
def test_others_have_no_role_while_a_function_runs() -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub, running.running_as("GenerateVideo"), running.running_outside():
        stub.add_response("scan", {})
        dynamodb.scan(TableName="ProfilesTable")
    assert not running.RECORDED
