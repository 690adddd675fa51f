"""Reports to Sentry with its real SDK: what a report contains, and that nothing of a dream or a person leaves."""

import logging
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sentry_sdk
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from dreamvision.core import sentry
from dreamvision.core.config import ConfigurationError
from dreamvision.core.error_reports import reports_errors
from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.core.logging import log_unexpected
from tests.fakes.sentry import SentryServer, sentry_server

DREAM = "I was flying over a dark forest"
EMAIL = "luna@example.com"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2ln"
USERNAME = "LunaTheDreamer"
ADDRESS = "203.0.113.77"
PERSONAL = (DREAM, EMAIL, TOKEN, USERNAME, ADDRESS)
CONTEXT: Any = SimpleNamespace(aws_request_id="3f1a0c52-request", function_name="function")


class Request(BaseModel):
    """A request whose invalid values are in pydantic's message."""

    model_config = ConfigDict(extra="forbid")
    dream_text: int
    email: int


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SentryServer]:
    with sentry_server() as running:
        monkeypatch.setenv("SENTRY_DSN", running.dsn)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "dreamvision-test-Function")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "7")
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "dreamvision-test")
        yield running
        sentry_sdk.get_client().close()
        sentry._start.cache_clear()


def fail_with_everything(dream: str, email: str, token: str) -> None:
    """Fail so that the values are in messages, notes, causes, groups and local variables."""
    try:
        Request.model_validate({"dream_text": dream, "email": email, USERNAME: ADDRESS})
    except ValueError as invalid:
        denied = ClientError({"Error": {"Code": "Denied", "Message": f"{email} may not"}}, "GetItem")
        group = ExceptionGroup(f"{dream}: {token}", [denied, KeyError(email)])
        group.add_note(f"note on {dream}")
        raise group from invalid


def plant() -> None:
    """Put the values into every place of the SDK that is attached to events."""
    sentry_sdk.set_user({"id": USERNAME, "email": EMAIL, "ip_address": ADDRESS})
    sentry_sdk.set_tag("dream", DREAM)
    sentry_sdk.set_tag("function_token", TOKEN)
    sentry_sdk.set_context("request", {"headers": {"authorization": TOKEN}, "data": DREAM, "cookies": TOKEN})
    sentry_sdk.set_extra("dream", DREAM)
    sentry_sdk.add_breadcrumb(message=DREAM, data={"email": EMAIL})
    sentry_sdk.get_isolation_scope().add_attachment(bytes=DREAM.encode(), filename=f"{EMAIL}.txt")
    logging.getLogger("anything").error("failed for %s: %s", EMAIL, DREAM)


@reports_errors
def handler(event: dict[str, str], context: Any) -> None:
    plant()
    fail_with_everything(event["dream"], event["email"], event["token"])


def invoke(function: Any = handler) -> BaseException:
    with sentry_sdk.isolation_scope(), pytest.raises(Exception) as raised:  # noqa: PT011 - any error
        function({"dream": DREAM, "email": EMAIL, "token": TOKEN}, CONTEXT)
    return raised.value


def test_nothing_of_a_dream_or_a_person_is_sent(server: SentryServer) -> None:
    invoke()  # the SDK is started by the first report: the second one has all that was planted
    invoke()
    assert len(server.events()) == 2
    sent = [*server.received, *(header.encode() for header in server.headers)]
    for personal in (*PERSONAL, socket.gethostname()):
        assert not [each for each in sent if personal.encode() in each], personal


def test_a_report_says_what_failed_where_and_in_which_request(server: SentryServer) -> None:
    raised = invoke()
    (event,) = server.events()
    assert len(event["event_id"]) == 32
    assert event["tags"] == {"function_request_id": "3f1a0c52-request"}
    assert (event["environment"], event["release"]) == ("dreamvision-test", "dreamvision-test-Function@7")
    assert event["transaction"] == "dreamvision-test-Function"
    values = event["exception"]["values"]
    assert {each["type"] for each in values} == {"ExceptionGroup", "ValidationError", "ClientError", "KeyError"}
    (frames,) = [each["stacktrace"]["frames"] for each in values if each["type"] == type(raised).__name__]
    assert [frame["function"] for frame in frames[-2:]] == ["handler", "fail_with_everything"]
    assert frames[-1]["filename"].endswith("test_sentry.py")
    assert frames[-1]["lineno"] > 0
    assert (frames[0]["function"], frames[0]["in_app"]) == ("reporting", True)


def test_fields_that_are_not_allowed_are_dropped() -> None:
    mechanism = {"type": "chained", "data": DREAM}
    exception = {"type": "KeyError", "value": DREAM, "module": "builtins", "mechanism": mechanism}
    frame = {"function": "f", "lineno": 1, "vars": {"dream": DREAM}, "context_line": DREAM, "pre_context": [DREAM]}
    given = {
        "event_id": "1", "user": {"email": EMAIL}, "request": {"data": DREAM}, "server_name": "host", "message": DREAM,
        "logentry": {"message": DREAM}, "extra": {"sys.argv": [DREAM]}, "contexts": {"trace": {"data": DREAM}},
        "breadcrumbs": {"values": [{"message": DREAM}]}, "threads": {"values": [{"name": DREAM}]},
        "modules": {DREAM: "1"},
        "tags": {"function_request_id": "2", "dream": DREAM}, "invented_next_year": DREAM,
        "exception": {"values": [{**exception, "stacktrace": {"frames": [frame], "registers": {"a": DREAM}}}]},
    }  # fmt: skip
    hint: dict[str, Any] = {"attachments": [DREAM]}
    assert sentry.allowed(cast(Any, given), hint) == {
        "event_id": "1",
        "tags": {"function_request_id": "2"},
        "exception": {
            "values": [
                {
                    "type": "KeyError",
                    "module": "builtins",
                    "mechanism": {"type": "chained"},
                    "stacktrace": {"frames": [{"function": "f", "lineno": 1}]},
                }
            ]
        },
    }
    assert hint["attachments"] == []


def test_an_error_that_is_logged_and_replaced_is_reported_once(server: SentryServer) -> None:
    @reports_errors
    def task(event: dict[str, str], context: Any) -> None:
        try:
            fail_with_everything(event["dream"], event["email"], event["token"])
        except Exception as error:
            log_unexpected(logging.getLogger("task"), error)
            raise UnexpectedError from None

    assert isinstance(invoke(task), UnexpectedError)
    assert [event["exception"]["values"][-1]["type"] for event in server.events()] == ["ExceptionGroup"]


@pytest.mark.parametrize(("error", "reports"), [(DreamVisionError, 0), (ConfigurationError, 1), (ValueError, 1)])
def test_an_expected_error_is_reported_only_if_an_operator_has_to_act(
    server: SentryServer, error: type[Exception], reports: int
) -> None:
    @reports_errors
    def failing(event: dict[str, str], context: Any) -> None:
        raise error

    assert type(invoke(failing)) is error
    assert len(server.events()) == reports


def test_many_errors_of_one_invocation_are_not_all_reported(server: SentryServer) -> None:
    @reports_errors
    def sweep(event: dict[str, str], context: Any) -> None:
        for _ in range(20):
            log_unexpected(logging.getLogger("sweep"), ValueError())
        raise UnexpectedError

    invoke(sweep)
    assert len(server.events()) == 5
    invoke(sweep)
    assert len(server.events()) == 10


def test_a_refusal_by_sentry_does_not_change_the_result(server: SentryServer) -> None:
    server.status = 429
    assert isinstance(invoke(), ExceptionGroup)


@pytest.mark.parametrize("dsn", ["not an address", "https://missing-a-project@example.com/"])
def test_an_invalid_address_does_not_change_the_result(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dsn: str
) -> None:
    monkeypatch.setenv("SENTRY_DSN", dsn)
    assert isinstance(invoke(), ExceptionGroup)
    assert "Error not reported: BadDsn" in caplog.text
