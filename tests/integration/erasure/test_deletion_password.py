"""The password of ``DELETE /api/v1/auth/me``: checked whenever it is sent, required by parameter."""

from typing import Any, cast

import pytest

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.passwords import PasswordCheck
from dreamvision.limits.rate_limits import PASSWORD_CHECKS_PER_HOUR, RateLimits, RateSettings
from dreamvision.limits.repository import LimitsRepository
from tests.fakes.cognito import CLIENT_ID
from tests.fakes.cognito_state import POOL_ID
from tests.fakes.http_api import Answer, HttpFunction
from tests.integration.dreams.fixtures import LUNA
from tests.integration.erasure.fixtures import ErasureBackend

_PASSWORD = "Moonlight7"


@pytest.fixture(autouse=True)
def accounts(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RateLimits(LimitsRepository(erasure.dreams.database), RateSettings())
    settings = CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID)
    pool = UserPool(settings, cast(Any, erasure.cognito))
    monkeypatch.setattr(PasswordCheck, "shared", lambda: PasswordCheck(pool, limits))


def _delete(body: Any = None) -> Answer:
    return HttpFunction("api/delete_account")(LUNA, "DELETE /api/v1/auth/me", body=body)


def _is_open(erasure: ErasureBackend) -> bool:
    return erasure.cognito.users[LUNA].enabled and not erasure.erasures.started


def test_the_roadmaps_request_without_a_password_deletes_the_account(erasure: ErasureBackend) -> None:
    assert _delete().status == 204
    assert not _is_open(erasure)


def test_the_right_password_deletes_the_account(erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFIRM_DELETION", "true")

    assert _delete({"password": _PASSWORD}).status == 204
    assert not _is_open(erasure)


def test_a_stolen_token_does_not_delete_the_account_if_the_password_is_required(
    erasure: ErasureBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIRM_DELETION", "true")

    refused = _delete()

    assert (refused.status, refused.problem) == (403, "wrong_password")
    # The fixture's account has one request in every window.
    for _ in range(PASSWORD_CHECKS_PER_HOUR - 1):
        assert _delete({"password": "Wrong-password1"}).problem == "wrong_password"
    limited = _delete({"password": _PASSWORD})
    assert (limited.status, limited.problem) == (429, "too_many_attempts")
    assert int(limited.headers["retry-after"]) > 0
    assert _is_open(erasure)


def test_a_wrong_password_is_refused_although_none_is_required(erasure: ErasureBackend) -> None:
    assert _delete({"password": "Wrong-password1"}).problem == "wrong_password"
    assert _is_open(erasure)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"password": ""}, 422), ({"password": 1}, 422), ([], 400), ({"x": "y" * 40_000}, 413)],
)
def test_other_bodies_are_refused(erasure: ErasureBackend, body: Any, status: int) -> None:
    assert _delete(body).status == status
    assert _is_open(erasure)
