"""New passwords that are known from data breaches are refused, by parameter, wherever one is chosen."""

from collections.abc import Callable

import pytest

from dreamvision.auth.breached_passwords import BreachedPasswordError
from tests.integration.auth.fixtures import (
    ADDRESS,
    EMAIL,
    NAME,
    PASSWORD,
    AccountBackend,
    AuthApi,
    Tables,
    is_empty,
    register,
    trigger,
)

_BREACHED = "Password1"
_CHOICES: dict[str, Callable[[AccountBackend, str], object]] = {
    "reset": lambda backend, _: backend.accounts.reset_password(EMAIL, "123456", _BREACHED, ADDRESS),
    "change": lambda backend, user_id: backend.accounts.change_password(user_id, PASSWORD, _BREACHED),
    "confirm": lambda backend, _: backend.accounts.confirm(EMAIL, "123456", ADDRESS, _BREACHED),
}


@pytest.fixture
def backend(tables: Tables) -> AccountBackend:
    return AccountBackend(tables, refuses_breached=True)


def test_a_registration_is_refused_and_leaves_nothing(auth: AuthApi, backend: AccountBackend) -> None:
    body = {"email": EMAIL, "password": _BREACHED, "username": NAME}

    answer = auth("POST /api/v1/auth/register", body)

    assert (answer.status, answer.body["type"]) == (422, "urn:dreamvision:problem:breached_password")
    assert is_empty(backend)
    assert backend.cognito.calls == ["DescribeUserPoolClient"]


@pytest.mark.parametrize("choice", _CHOICES)
def test_it_cannot_be_chosen_later_and_no_attempt_is_counted(backend: AccountBackend, choice: str) -> None:
    answer = register(backend)
    before = backend.items("guards")

    with pytest.raises(BreachedPasswordError):
        _CHOICES[choice](backend, answer.user.id)

    assert backend.items("guards") == before
    assert backend.is_open(answer.access_token)
    assert backend.accounts.sign_in(EMAIL, PASSWORD)


def test_an_existing_one_still_signs_in(backend: AccountBackend) -> None:
    backend.cognito.add_user(EMAIL, _BREACHED)

    assert backend.accounts.sign_in(EMAIL, _BREACHED)


def test_without_the_parameter_the_specified_rule_is_enough(tables: Tables) -> None:
    backend = AccountBackend(tables, trigger())

    assert register(backend, password=_BREACHED)
