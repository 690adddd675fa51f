"""``make invoke``: the function and the event that its variables describe."""

from pathlib import Path

import pytest

from local import invoke, settings
from local.invoke import InvokeError, invocation_from
from local.sample_functions import functions, samples, samples_of
from local.stack.commands import StackError
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("function", ["PollVideo", "PollVideoFunction"])
@pytest.mark.parametrize(
    "event", ["", "workflows/dream_to_video/PollVideo", "events/workflows/dream_to_video/PollVideo.json"]
)
def test_a_function_and_its_event_are_found_by_name(function: str, event: str) -> None:
    found = invocation_from({"FUNCTION": function, "EVENT": event})
    assert found.function == "PollVideoFunction"
    assert found.event["job_id"]


@pytest.mark.parametrize("event", ["api/get-health", str(REPOSITORY / "events/api/get-health.json")])
def test_a_sample_needs_no_function(event: str) -> None:
    assert invocation_from({"EVENT": event}).function == "ApiHealthFunction"


def test_any_json_file_is_an_event(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"own": true}')
    assert invocation_from({"FUNCTION": "Sweep", "EVENT": str(file)}).event == {"own": True}


@pytest.mark.parametrize(
    ("environment", "explained"),
    [
        ({}, ["FUNCTION and EVENT are missing", "ApiHealth\n"]),
        ({"FUNCTION": "PolVideo"}, ["no function PolVideo", "Did you mean PollVideo?", "\n  Sweep"]),
        ({"FUNCTION": "ApiHealth"}, ["EVENT is missing", "\n  api/get-root"]),
        ({"FUNCTION": "ApiHealth", "EVENT": "api/health"}, ["no event api/health", "\n  api/get-health-db"]),
        ({"FUNCTION": "ApiHealth", "EVENT": "api/get-dreams"}, ["an event of ApiDreamsFunction", "\n  api/get-root"]),
        ({"EVENT": "api/get-heath"}, ["api/get-heath is no sample event", "Did you mean api/get-health?"]),
        ({"FUNCTION": "Sweep", "EVENT": "events/README"}, ["no event events/README", "\n  triggers/sweep"]),
    ],
)
def test_bad_input_is_explained_with_the_choices(environment: dict[str, str], explained: list[str]) -> None:
    with pytest.raises(InvokeError) as error:
        invocation_from(environment)
    for words in explained:
        assert words in f"{error.value}\n"


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_an_event_must_be_a_json_object(tmp_path: Path, text: str) -> None:
    file = tmp_path / "event.json"
    file.write_text(text)
    with pytest.raises(InvokeError, match="must be a JSON object"):
        invocation_from({"FUNCTION": "Sweep", "EVENT": str(file)})


def test_a_stack_that_does_not_run_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTION", "Sweep")
    monkeypatch.delenv("EVENT", raising=False)
    with pytest.raises(StackError, match="make up"):
        invoke.run(settings.load({"LOCAL_DIR": str(tmp_path)}))


def test_every_function_has_a_sample_event() -> None:
    assert [name for name in functions() if not samples_of(name)] == []
    assert set(samples().values()) == set(functions())


def test_the_claims_of_a_sample_become_those_of_the_stacks_pool() -> None:
    event = invocation_from({"EVENT": "api/get-auth-me"}).event
    changed = invoke._with_pool(event, {"user_pool_id": "us-east-1_Other", "user_pool_client_id": "other"})
    claims = changed["requestContext"]["authorizer"]["jwt"]["claims"]
    assert (claims["iss"], claims["client_id"]) == (
        "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other",
        "other",
    )
    assert claims["sub"] == event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    public = invocation_from({"EVENT": "api/get-health"}).event
    assert invoke._with_pool(public, {"user_pool_id": "x", "user_pool_client_id": "y"}) == public
