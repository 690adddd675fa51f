"""The mapping of API Gateway's responses on a connection to our errors."""

from collections.abc import Callable
from types import SimpleNamespace

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from dreamvision.realtime.gateway import ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError

OPERATIONS: dict[str, tuple[str, Callable[[ConnectionGateway], object]]] = {
    "post_to_connection": ("PostToConnection", lambda sockets: sockets.send("c1=", "{}")),
    "delete_connection": ("DeleteConnection", lambda sockets: sockets.close("c1=")),
    "get_connection": ("GetConnection", lambda sockets: sockets.is_open("c1=")),
}


@pytest.fixture
def stub() -> Stubber:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url="https://api.execute-api.us-east-1.amazonaws.com/v1",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    return Stubber(client)


def outcome(stub: Stubber, operation: str) -> object:
    sockets = ConnectionGateway("unused", stub.client)  # type: ignore[arg-type]
    with stub:
        return OPERATIONS[operation][1](sockets)


def test_an_open_connection_receives_messages(stub: Stubber) -> None:
    stub.add_response("post_to_connection", {}, {"ConnectionId": "c1=", "Data": b"{}"})
    assert outcome(stub, "post_to_connection") is None
    stub.add_response("get_connection", {}, {"ConnectionId": "c1="})
    assert outcome(stub, "get_connection") is True


def test_a_gone_connection_raises(stub: Stubber) -> None:
    for operation in OPERATIONS:
        stub.add_client_error(operation, "GoneException", http_status_code=410)
    with pytest.raises(ConnectionGoneError):
        outcome(stub, "post_to_connection")
    assert outcome(stub, "delete_connection") is None
    assert outcome(stub, "get_connection") is False


def test_a_410_without_a_code_means_gone(stub: Stubber) -> None:
    stub.add_client_error("post_to_connection", "410", http_status_code=410)
    with pytest.raises(ConnectionGoneError):
        outcome(stub, "post_to_connection")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("code", "status"), [("LimitExceededException", 429), ("ForbiddenException", 403), ("InternalFailure", 500)]
)
def test_other_errors_may_be_retried(stub: Stubber, operation: str, code: str, status: int) -> None:
    stub.add_client_error(operation, code, http_status_code=status)
    with pytest.raises(ConnectionUnavailableError):
        outcome(stub, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_unreachable_api_gateway_may_be_retried(operation: str) -> None:
    def unreachable(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://api.invalid")

    with pytest.raises(ConnectionUnavailableError):
        OPERATIONS[operation][1](ConnectionGateway("unused", SimpleNamespace(**{operation: unreachable})))  # type: ignore[arg-type]
