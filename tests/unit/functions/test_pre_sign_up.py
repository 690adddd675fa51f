"""The trigger that Cognito calls before it creates a user."""

from runpy import run_path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

_APP = REPOSITORY / "functions" / "triggers" / "pre_sign_up" / "app.py"


@pytest.fixture
def trigger(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("CONFIRM_EMAIL", raising=False)
    return run_path(str(_APP))["handler"]


def _event(source: str = "PreSignUp_SignUp") -> dict[str, Any]:
    return {
        "triggerSource": source,
        "request": {"userAttributes": {"email": "luna@example.com"}},
        "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
    }


def test_a_new_user_is_confirmed_and_verified(trigger: Any) -> None:
    response = trigger(_event(), None)["response"]

    assert response == {"autoConfirmUser": True, "autoVerifyEmail": True, "autoVerifyPhone": False}


def test_a_repeated_event_changes_nothing_else(trigger: Any) -> None:
    once = trigger(_event(), None)

    assert trigger(once, None) == once


@pytest.mark.parametrize("switch", ["true", "false"])
def test_a_code_is_required_if_confirmation_is_on(trigger: Any, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    monkeypatch.setenv("CONFIRM_EMAIL", switch)

    response = trigger(_event(), None)["response"]

    assert response["autoConfirmUser"] is response["autoVerifyEmail"] is (switch == "false")


@pytest.mark.parametrize("source", ["PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"])
def test_users_created_by_an_administrator_are_left_unchanged(trigger: Any, source: str) -> None:
    assert trigger(_event(source), None) == _event(source)
