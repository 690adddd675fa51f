"""A user pool on a strict in-memory Cognito, with a clock that tests advance."""

from typing import Any, cast

import pytest

from dreamvision.auth.cognito import CognitoSettings, UserPool
from tests.fakes import cognito as fake
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import POOL_ID

EMAIL = "luna@example.com"
PASSWORD = "Moonlight7"
OTHER_PASSWORD = "Sunshine8"


class Clock:
    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


def auto_confirm(event: dict[str, Any], _: object) -> dict[str, Any]:
    event["response"] |= {"autoConfirmUser": True, "autoVerifyEmail": True}
    return event


def pool_on(cognito: FakeCognito) -> UserPool:
    settings = CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=fake.CLIENT_ID)
    return UserPool(settings, cast(Any, cognito))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cognito(clock: Clock) -> FakeCognito:
    return FakeCognito(auto_confirm, clock=clock)


@pytest.fixture
def pool(cognito: FakeCognito) -> UserPool:
    return pool_on(cognito)
