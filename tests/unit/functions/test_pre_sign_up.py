"""The trigger that Cognito calls before it creates a user."""

import json
import subprocess
import sys
from runpy import run_path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

_APP = REPOSITORY / "functions" / "triggers" / "pre_sign_up" / "app.py"
# The trigger must answer within 5 s including its cold start; importing pydantic alone can take a second of them.
_SLOW_IMPORTS = ("pydantic", "boto3", "aws_lambda_powertools", "dreamvision")


@pytest.fixture
def trigger(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("CONFIRM_EMAIL", "false")
    return run_path(str(_APP))["handler"]


def _event(source: str = "PreSignUp_SignUp") -> dict[str, Any]:
    return {
        "triggerSource": source,
        "request": {"userAttributes": {"email": "luna@example.com"}},
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }


def test_a_new_user_is_confirmed_and_verified_if_that_is_allowed(trigger: Any) -> None:
    response = trigger(_event(), None)["response"]

    assert response == {"autoConfirmUser": True, "autoVerifyEmail": True, "autoVerifyPhone": False}


def test_a_repeated_event_changes_nothing_else(trigger: Any) -> None:
    once = trigger(_event(), None)

    assert trigger(once, None) == once


@pytest.mark.parametrize("setting", [None, "", "true", "False", "FALSE", "false ", "0", "no", "off", "unknown"])
def test_any_other_setting_requires_a_code(trigger: Any, monkeypatch: pytest.MonkeyPatch, setting: str | None) -> None:
    if setting is None:
        monkeypatch.delenv("CONFIRM_EMAIL")
    else:
        monkeypatch.setenv("CONFIRM_EMAIL", setting)

    assert trigger(_event(), None) == _event()


@pytest.mark.parametrize("source", ["PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"])
def test_users_created_by_an_administrator_are_left_unchanged(trigger: Any, source: str) -> None:
    assert trigger(_event(source), None) == _event(source)


def test_nothing_slow_is_imported() -> None:
    probe = f"import json, runpy, sys; runpy.run_path({str(_APP)!r}); print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", probe], env={}, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    assert loaded.isdisjoint(_SLOW_IMPORTS)
