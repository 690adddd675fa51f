"""The create call against a server that breaks the connection: a paid render must never be requested twice."""

import json
import socket

import pytest

from dreamvision.core.errors import DreamVisionError
from dreamvision.rendering.errors import (
    RenderBusyError,
    RenderOutcomeUnknownError,
    RenderStatusUnavailableError,
    RenderUnreachableError,
)
from dreamvision.rendering.renderer import RenderStatus
from dreamvision.rendering.runway import RunwayRenderer, RunwaySettings
from tests.fakes import hostile_source as source
from tests.fakes.hostile_source import Behavior, HostileSource
from tests.fakes.runway import TASK_ID

CREATE = "/v1/text_to_video"
HALF_AN_ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 70\r\n\r\n{"id":"17f2'


def renderer(base_url: str) -> RunwayRenderer:
    settings = RunwaySettings(base_url=base_url, connect_timeout=0.5, create_timeout=0.5, read_timeout=0.5)
    return RunwayRenderer(settings, "key_0123456789abcdef")


@pytest.mark.parametrize(
    ("behavior", "error"),
    [
        pytest.param(source.close_connection, RenderOutcomeUnknownError, id="closes"),
        pytest.param(source.reset, RenderOutcomeUnknownError, id="resets"),
        pytest.param(source.silence, RenderOutcomeUnknownError, id="never answers"),
        pytest.param(source.raw(b"nonsense\r\n\r\n"), RenderOutcomeUnknownError, id="no HTTP"),
        pytest.param(source.raw(HALF_AN_ANSWER), RenderOutcomeUnknownError, id="half an answer"),
        pytest.param(source.status(500), RenderOutcomeUnknownError, id="500"),
        pytest.param(source.status(502), RenderOutcomeUnknownError, id="502"),
        pytest.param(source.redirect("/v1/text_to_video", 307), RenderOutcomeUnknownError, id="307"),
        pytest.param(source.status(503, "Retry-After: 0"), RenderBusyError, id="503"),
        pytest.param(source.status(429, "Retry-After: 0"), RenderBusyError, id="429"),
    ],
)
def test_a_create_call_reaches_the_provider_exactly_once(behavior: Behavior, error: type[DreamVisionError]) -> None:
    # GIVEN a provider that receives the whole request and then fails
    with HostileSource({CREATE: behavior}) as provider:
        # WHEN a render is started
        with pytest.raises(error) as raised:
            renderer(provider.origin).start("POV: a river of light", 5)
        # THEN the error tells whether it may have been created, and there was one complete request
        assert type(raised.value) is error
        assert provider.connections == 1
        (request,) = provider.requests
        assert json.loads(request.body)["promptText"] == "POV: a river of light"


def test_a_second_create_call_does_not_reuse_a_connection() -> None:
    # GIVEN a provider that offers keep-alive
    answer = json.dumps({"id": TASK_ID, "estimatedCost": {"credits": 60}}).encode()
    keep_alive = source.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
    with HostileSource({CREATE: keep_alive}) as provider:
        runway = renderer(provider.origin)
        # WHEN two renders are started one after the other
        tasks = [runway.start("POV: a river of light", 5).task_id for _ in range(2)]
        # THEN each used a connection of its own
        assert tasks == [TASK_ID, TASK_ID]
        assert provider.connections == 2


def test_a_provider_that_does_not_listen_received_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(RenderUnreachableError):
        renderer(f"http://127.0.0.1:{port}").start("POV: a river of light", 5)


def test_a_connection_closed_before_the_tls_handshake_sent_nothing() -> None:
    # GIVEN a server that does not speak TLS
    with HostileSource() as provider, pytest.raises(RenderUnreachableError):
        renderer(provider.origin.replace("http://", "https://")).start("POV: a river of light", 5)
    # THEN no request arrived
    assert provider.requests == []


def test_an_interrupted_status_call_may_be_retried() -> None:
    body = json.dumps({"id": TASK_ID, "status": "RUNNING", "progress": 0.5}).encode()
    flaky = source.in_turn(source.reset, source.file(body))
    with HostileSource({f"/v1/tasks/{TASK_ID}": flaky}) as provider:
        runway = renderer(provider.origin)
        with pytest.raises(RenderStatusUnavailableError):
            runway.status(TASK_ID)
        assert runway.status(TASK_ID).status is RenderStatus.RENDERING
