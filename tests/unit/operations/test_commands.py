"""Requests to the operations function: what is accepted, and what is refused before anything is read or written."""

from types import SimpleNamespace
from typing import Any, NoReturn, cast, get_args

import pytest

from dreamvision.core.errors import DreamVisionError, UnexpectedError
from dreamvision.operations import service
from dreamvision.operations.answers import TierSet
from dreamvision.operations.commands import Command, SetTier
from dreamvision.operations.service import Operations, answer, caller_of
from tests.conftest import REPOSITORY, load_event

USER = "8f14e45f-ceea-467f-a8f0-1a2b3c4d5e6f"
SAMPLES = sorted(path.stem for path in (REPOSITORY / "events" / "operations").iterdir())
TIER = {"command": "user.set_tier", "operator": "anna", "user_id": USER, "tier": "premium"}
ARN = "arn:aws:iam::123456789012:user/ops/anna"


class Recorder:
    """Stands in for the operations: records commands and returns or raises what a test has set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.commands: list[Command] = []
        self._error = error

    def run(self, command: Command) -> TierSet:
        self.commands.append(command)
        if self._error:
            raise self._error
        return TierSet(user_id=USER, tier="premium")


class Lines:
    """The log lines as dictionaries."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.lines: list[dict[str, Any]] = []

    def append_keys(self, **keys: object) -> None:
        self.keys |= keys

    def info(self, message: str, extra: dict[str, Any] | None = None) -> None:
        self.lines.append({**self.keys, "message": message, **(extra or {})})

    warning = error = info


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    found = Lines()
    monkeypatch.setattr(service, "logger", found)
    return found


def context(**fields: object) -> Any:
    return SimpleNamespace(identity=None, client_context=None, **fields)


def ask(event: object, recorder: Recorder | None = None, **fields: object) -> dict[str, Any]:
    return answer(event, context(**fields), lambda: cast(Operations, recorder or Recorder()))


def never() -> NoReturn:
    raise AssertionError("an invalid command must not reach the operations")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_a_valid_command(sample: str) -> None:
    recorder = Recorder()
    assert ask(load_event(f"operations/{sample}"), recorder)["ok"]
    (command,) = recorder.commands
    assert command.command.replace(".", "-").replace("_", "-") == sample


def test_every_command_has_a_sample() -> None:
    union, _ = get_args(Command.__value__)
    named = {get_args(command.model_fields["command"].annotation)[0] for command in get_args(union)}
    assert {name.replace(".", "-").replace("_", "-") for name in named} == set(SAMPLES)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "command"),
        ([], "command"),
        ("user.block", "command"),
        (None, "command"),
        (TIER | {"command": "user.delete"}, "command"),
        (TIER | {"command": None}, "command"),
        ({key: value for key, value in TIER.items() if key != "operator"}, "operator"),
        (TIER | {"operator": ""}, "operator"),
        (TIER | {"operator": "anna@example.com"}, "operator"),
        (TIER | {"operator": "anna\nforged line"}, "operator"),
        (TIER | {"operator": ["anna"]}, "operator"),
        (TIER | {"tier": "gold"}, "tier"),
        (TIER | {"teir": "free"}, "teir"),
        (TIER | {"user_id": "luna"}, "user_id"),
        (TIER | {"user_id": f"{USER}#x"}, "user_id"),
        ({"command": "user.quota", "operator": "anna", "user_id": USER, "reset": "yes"}, "reset"),
        ({"command": "user.quota", "operator": "anna", "user_id": USER, "reset": 1}, "reset"),
        ({"command": "user.find", "operator": "anna"}, "command"),
        ({"command": "user.find", "operator": "anna", "username": "Luna", "user_id": USER}, "command"),
        ({"command": "user.find", "operator": "anna", "address": "luna"}, "address"),
        ({"command": "user.find", "operator": "anna", "username": ""}, "username"),
        ({"command": "spend.month", "operator": "anna", "month": "2026-13"}, "month"),
        ({"command": "spend.month", "operator": "anna", "month": "2026-1"}, "month"),
        ({"command": "spend.today", "operator": "anna", "day": "2026-11-23"}, "day"),
        ({"command": "video.inspect", "operator": "anna", "job_id": "x"}, "job_id"),
    ],
)
def test_bad_input_is_refused_with_the_field(event: object, field: str, lines: Lines) -> None:
    found = answer(event, context(), never)
    assert (found["ok"], found["result"], found["refusal"]["error"]) == (False, None, "InvalidCommand")
    assert field in [problem["field"] for problem in found["refusal"]["problems"]]
    assert [line["message"] for line in lines.lines] == ["operation refused"]


def test_a_refused_request_is_not_quoted_in_the_log(lines: Lines) -> None:
    answer(TIER | {"operator": "anna@example.com", "luna@example.com": "secret"}, context(), never)
    assert "example.com" not in str(lines.lines)
    assert "secret" not in str(lines.lines)


def test_ids_are_compared_in_lower_case() -> None:
    recorder = Recorder()
    ask(TIER | {"user_id": USER.upper()}, recorder)
    assert recorder.commands == [SetTier.model_validate(TIER)]


def test_a_command_is_logged_with_its_operator_before_and_after(lines: Lines) -> None:
    ask(TIER)
    requested, done = lines.lines
    expected = {"operator": "anna", "command": "user.set_tier", "user_id": USER, "tier": "premium"}
    assert expected.items() <= requested.items()
    assert expected.items() <= done.items()
    assert (requested["message"], done["message"]) == ("operation requested", "operation done")


def test_neither_an_address_nor_a_username_is_logged(lines: Lines) -> None:
    for found in ({"address": "luna@example.com"}, {"username": "Luna Dreamer"}):
        ask({"command": "user.find", "operator": "anna", **found})
    assert "luna" not in str(lines.lines).lower()


def test_a_refusal_is_an_answer_with_the_errors_name(lines: Lines) -> None:
    found = ask(TIER, Recorder(DreamVisionError()))
    assert found["refusal"] == {"error": "DreamVisionError", "message": "Something went wrong.", "problems": []}
    assert lines.lines[-1]["message"] == "operation refused"


def test_an_unexpected_error_has_no_message_of_a_library(lines: Lines) -> None:
    with pytest.raises(UnexpectedError) as failure:
        ask(TIER, Recorder(ValueError("luna@example.com")))
    assert "luna" not in str(failure.value) + str(lines.lines)


@pytest.mark.parametrize(
    ("custom", "expected"),
    [
        ({"caller_arn": ARN}, {"claimed_arn": ARN}),
        ({"caller_arn": "arn:aws:sts::123456789012:assumed-role/ops/anna@example.com"}, {}),
        ({"caller_arn": "arn:aws:iam::1:user/anna"}, {}),
        ({"caller_arn": 5}, {}),
        ({"other": "x"}, {}),
        (None, {}),
    ],
)
def test_a_claimed_arn_is_logged_if_it_names_no_address(custom: object, expected: dict[str, str]) -> None:
    found = SimpleNamespace(identity=None, client_context=SimpleNamespace(custom=custom))
    assert caller_of(cast(Any, found)) == expected


def test_the_identity_of_the_invocation_is_logged() -> None:
    found = SimpleNamespace(identity=SimpleNamespace(cognito_identity_id="eu-central-1:abc"), client_context=None)
    assert caller_of(cast(Any, found)) == {"cognito_identity_id": "eu-central-1:abc"}
