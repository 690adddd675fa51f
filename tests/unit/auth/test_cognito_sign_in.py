"""Signing up and signing in at Cognito, and deleting users."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dreamvision.auth import errors
from dreamvision.auth.cognito import PoolUser, UserPool
from dreamvision.auth.tokens import IdentitySettings, TokenVerifier
from tests.fakes import cognito as fake
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import POOL_ID
from tests.unit.auth.fixtures import EMAIL, OTHER_PASSWORD, PASSWORD, Clock, auto_confirm, pool_on


def test_a_user_signs_up_and_signs_in(pool: UserPool, clock: Clock) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)
    tokens = pool.sign_in(EMAIL, PASSWORD)

    assert user.confirmed
    assert (tokens.user_id, tokens.expires_in, tokens.signed_in_at) == (user.user_id, 3600, int(clock.now))
    assert pool.get(EMAIL) == PoolUser(user.user_id, EMAIL, datetime.fromtimestamp(clock.now, UTC), enabled=True)


def test_the_handlers_accept_the_access_token() -> None:
    # GIVEN a pool on the real clock
    cognito = FakeCognito(auto_confirm)
    pool = pool_on(cognito)
    user = pool.sign_up(EMAIL, PASSWORD)
    settings = IdentitySettings(user_pool_id=POOL_ID, user_pool_client_id=fake.CLIENT_ID, aws_region="eu-central-1")

    access = TokenVerifier(settings, fetch_keys=cognito.issuer.jwks).verify(pool.sign_in(EMAIL, PASSWORD).access_token)

    assert access.user_id == user.user_id


def test_a_user_id_is_accepted_for_signing_in(pool: UserPool) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)

    assert pool.sign_in(user.user_id, PASSWORD).user_id == user.user_id


def test_the_client_secret_is_read_once(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    pool.sign_in(EMAIL, PASSWORD)

    assert cognito.calls.count("DescribeUserPoolClient") == 1


def test_a_taken_address_is_rejected_in_any_case(pool: UserPool) -> None:
    pool.sign_up(EMAIL, PASSWORD)

    with pytest.raises(errors.UserAlreadyExistsError):
        pool.sign_up(EMAIL.upper(), PASSWORD)


def test_the_pools_password_policy_is_enforced(pool: UserPool) -> None:
    with pytest.raises(errors.WeakPasswordError):
        pool.sign_up(EMAIL, "moonlight")


def test_a_value_that_cognito_rejects_is_invalid_input(pool: UserPool) -> None:
    with pytest.raises(errors.AccountInputError):
        pool.sign_up("no address", PASSWORD)


def test_wrong_passwords_and_unknown_users_are_indistinguishable(pool: UserPool) -> None:
    pool.sign_up(EMAIL, PASSWORD)

    for email in (EMAIL, "unknown@example.com"):
        with pytest.raises(errors.InvalidCredentialsError) as refusal:
            pool.sign_in(email, "Wrong-password1")
        assert str(refusal.value) == errors.InvalidCredentialsError.default_message


def test_an_unknown_user_is_hidden_even_if_the_pool_reveals_it() -> None:
    pool = pool_on(FakeCognito(auto_confirm, hides_users=False))

    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in("unknown@example.com", PASSWORD)


def test_a_locked_account_looks_like_a_wrong_password(pool: UserPool, clock: Clock) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    for _ in range(fake.PASSWORD_ATTEMPTS):
        with pytest.raises(errors.InvalidCredentialsError):
            pool.sign_in(EMAIL, OTHER_PASSWORD)

    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in(EMAIL, PASSWORD)

    clock.now += 1
    assert pool.sign_in(EMAIL, PASSWORD)


def test_disabled_users_and_required_resets_are_rejected(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    cognito.user(EMAIL).must_reset = True
    with pytest.raises(errors.PasswordResetRequiredError):
        pool.sign_in(EMAIL, PASSWORD)

    cognito.user(EMAIL).enabled = False
    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in(EMAIL, PASSWORD)


def test_a_temporary_password_must_be_reset(pool: UserPool, cognito: FakeCognito) -> None:
    class Challenging(FakeCognito):
        def admin_initiate_auth(self, **_: Any) -> dict[str, Any]:
            return {"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "...", "ChallengeParameters": {}}

    with pytest.raises(errors.PasswordResetRequiredError):
        pool_on(Challenging()).sign_in(EMAIL, PASSWORD)


def test_a_disabled_auth_flow_is_invalid_input() -> None:
    pool = pool_on(FakeCognito(auto_confirm, flows=("ALLOW_USER_SRP_AUTH",)))
    pool.sign_up(EMAIL, PASSWORD)

    with pytest.raises(errors.AccountInputError):
        pool.sign_in(EMAIL, PASSWORD)


def test_a_trigger_may_reject_or_fail() -> None:
    def refusing(event: dict[str, Any], _: object) -> dict[str, Any]:
        raise ValueError("no")

    def broken(event: dict[str, Any], _: object) -> dict[str, Any]:
        return {}

    with pytest.raises(errors.SignUpRefusedError):
        pool_on(FakeCognito(refusing)).sign_up(EMAIL, PASSWORD)
    with pytest.raises(errors.UserPoolTriggerError):
        pool_on(FakeCognito(broken)).sign_up(EMAIL, PASSWORD)


def test_deleting_a_user_twice_is_harmless(pool: UserPool) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)

    pool.delete(user.user_id)
    pool.delete(user.user_id)

    with pytest.raises(errors.UserNotFoundError):
        pool.get(user.user_id)
    with pytest.raises(errors.UserNotFoundError):
        pool.sign_out_everywhere(user.user_id)
