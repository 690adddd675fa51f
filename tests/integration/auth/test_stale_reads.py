"""Sessions and profiles when every eventually consistent read misses the latest writes."""

from datetime import timedelta
from typing import Any, cast

import pytest

from dreamvision.auth.breached_passwords import BreachedPasswordSettings, NewPasswordRules
from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.errors import UserAlreadyExistsError
from dreamvision.auth.profiles import AccountProfiles
from dreamvision.auth.registrations import RegistrationLock
from dreamvision.auth.service import AccountService
from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.devices.repository import DeviceRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.rate_limits import RateLimits, RateSettings
from dreamvision.limits.repository import LimitsRepository
from dreamvision.schemas.users import TokenResponse
from dreamvision.users.repository import ProfileRepository
from dreamvision.users.usernames import RESERVATION_LIFETIME, Usernames, UsernameTakenError
from tests.fakes.cognito import CLIENT_ID, FakeCognito
from tests.fakes.cognito_state import POOL_ID
from tests.fakes.stale_replica import StaleReplica
from tests.integration.auth.fixtures import EMAIL, NAME, PASSWORD, trigger

USER, SESSION = "11111111-1111-4111-8111-111111111111", "a-session"


@pytest.fixture
def cognito() -> FakeCognito:
    return FakeCognito(trigger())


@pytest.fixture
def accounts(database: Database, replica: StaleReplica, cognito: FakeCognito) -> AccountService:
    """The account service on tables whose eventually consistent reads stand still."""
    pool = UserPool(CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID), cast(Any, cognito))
    usernames = Usernames(database)
    return AccountService(
        pool,
        AccountProfiles(pool, ProfileRepository(database), usernames, DailyCounts(database)),
        usernames,
        Sessions(database),
        RateLimits(LimitsRepository(database), RateSettings(), seal=pool.seal),
        RegistrationLock(database),
        NewPasswordRules(BreachedPasswordSettings()),
        DeviceRepository(database),
    )


@pytest.mark.parametrize("how", ["revoke", "revoke_all", "block", "revoke_permanently"])
def test_a_session_revoked_just_now_is_refused(database: Database, replica: StaleReplica, how: str) -> None:
    sessions = Sessions(database)
    issued_at = int(utc_now().timestamp())
    sessions.require_active(USER, SESSION, issued_at)
    sessions.revoke(USER, SESSION) if how == "revoke" else getattr(sessions, how)(USER)
    with pytest.raises(UnauthenticatedError):
        sessions.require_active(USER, SESSION, issued_at)


def test_a_user_unblocked_just_now_is_accepted(database: Database, replica: StaleReplica) -> None:
    sessions = Sessions(database)
    sessions.block(USER)
    replica.catch_up()
    sessions.unblock(USER)
    sessions.require_active(USER, SESSION, int(utc_now().timestamp()) + 60)


def test_a_new_account_has_its_profile(accounts: AccountService, cognito: FakeCognito) -> None:
    answer = accounts.register(EMAIL, PASSWORD, NAME)
    assert isinstance(answer, TokenResponse)
    assert answer.user.username == NAME
    cognito.calls.clear()
    assert accounts.profile(answer.user.id).username == NAME
    assert cognito.calls == []  # nothing is completed, which would take a call and two writes
    assert accounts.rename(answer.user.id, "Stella").username == "Stella"
    assert accounts.rename(answer.user.id, "Moon").username == "Moon"


def test_a_profile_is_completed_once(accounts: AccountService, database: Database) -> None:
    user_id = accounts._pool.sign_up(EMAIL, PASSWORD).user_id
    first = accounts.profile(user_id)
    assert accounts.profile(user_id) == first
    names = database.client.scan(TableName=database.names.profiles_table, ConsistentRead=True)["Items"]
    assert len(names) == 2


def test_a_registration_is_not_resumed_over_a_complete_profile(
    accounts: AccountService, database: Database, cognito: FakeCognito
) -> None:
    """A stale read would take the account for one whose registration was interrupted."""
    answer = accounts.register(EMAIL, PASSWORD, NAME)
    assert isinstance(answer, TokenResponse)
    later = utc_now() + RESERVATION_LIFETIME + timedelta(seconds=5)
    accounts._now = lambda: later
    cognito.calls.clear()
    with pytest.raises(UserAlreadyExistsError):
        accounts.register(EMAIL, PASSWORD, "Stella")
    assert cognito.calls == ["AdminGetUser", "SignUp", "AdminInitiateAuth"]
    with pytest.raises(UsernameTakenError):
        Usernames(database).reserve(NAME, later)
    assert Usernames(database).owner("Stella") is None
