"""The module that talks to Cognito, against a pool that is as strict as the real one."""

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from dreamvision.auth import errors
from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.tokens import IdentitySettings, TokenVerifier, UnauthenticatedError
from dreamvision.core.errors import DreamVisionError
from dreamvision.limits.rate_limits import TooManyAttemptsError
from tests.fakes import cognito as fake
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import refused

_EMAIL = "luna@example.com"
_PASSWORD = "Moonlight7"
_OTHER = "Sunshine8"


class _Clock:
    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def __call__(self) -> float:
        return self.now


def _auto_confirm(event: dict[str, Any], _: object) -> dict[str, Any]:
    event["response"] |= {"autoConfirmUser": True, "autoVerifyEmail": True}
    return event


def _pool(cognito: FakeCognito) -> UserPool:
    settings = CognitoSettings(user_pool_id=fake.POOL_ID, user_pool_client_id=fake.CLIENT_ID)
    return UserPool(settings, cast(Any, cognito))


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def cognito(clock: _Clock) -> FakeCognito:
    return FakeCognito(_auto_confirm, clock=clock)


@pytest.fixture
def pool(cognito: FakeCognito) -> UserPool:
    return _pool(cognito)


# ---------------------------------------------------------------- signing up and in


def test_a_user_signs_up_and_in(pool: UserPool, clock: _Clock) -> None:
    user = pool.sign_up(_EMAIL, _PASSWORD)
    tokens = pool.sign_in(_EMAIL, _PASSWORD)

    assert user.confirmed
    assert (tokens.user_id, tokens.expires_in, tokens.signed_in_at) == (user.user_id, 3600, int(clock.now))
    assert pool.get(_EMAIL) == (user.user_id, _EMAIL, datetime.fromtimestamp(clock.now, UTC))


def test_the_access_token_is_one_that_the_handlers_accept() -> None:
    # GIVEN a pool on the real clock
    cognito = FakeCognito(_auto_confirm)
    pool = _pool(cognito)
    user = pool.sign_up(_EMAIL, _PASSWORD)
    settings = IdentitySettings(
        user_pool_id=fake.POOL_ID, user_pool_client_id=fake.CLIENT_ID, aws_region="eu-central-1"
    )

    claims = TokenVerifier(settings, fetch_keys=cognito.issuer.jwks).verify(
        pool.sign_in(_EMAIL, _PASSWORD).access_token
    )

    assert claims["sub"] == user.user_id


def test_the_user_id_does_for_signing_in(pool: UserPool) -> None:
    user = pool.sign_up(_EMAIL, _PASSWORD)

    assert pool.sign_in(user.user_id, _PASSWORD).user_id == user.user_id


def test_the_secret_is_read_once(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    pool.sign_in(_EMAIL, _PASSWORD)

    assert cognito.calls.count("DescribeUserPoolClient") == 1


def test_a_taken_address_is_refused_in_any_case(pool: UserPool) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)

    with pytest.raises(errors.UserAlreadyExistsError):
        pool.sign_up(_EMAIL.upper(), _PASSWORD)


def test_the_pools_own_password_policy_counts(pool: UserPool) -> None:
    with pytest.raises(errors.WeakPasswordError):
        pool.sign_up(_EMAIL, "moonlight")


def test_a_value_that_cognito_cannot_take_is_an_invalid_one(pool: UserPool) -> None:
    with pytest.raises(errors.AccountInputError):
        pool.sign_up("no address", _PASSWORD)


def test_wrong_passwords_and_unknown_users_look_alike(pool: UserPool) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)

    for email in (_EMAIL, "nobody@example.com"):
        with pytest.raises(errors.InvalidCredentialsError) as refusal:
            pool.sign_in(email, "Wrong-password1")
        assert str(refusal.value) == errors.InvalidCredentialsError.default_message


def test_they_look_alike_even_where_the_pool_tells_them_apart() -> None:
    pool = _pool(FakeCognito(_auto_confirm, hides_users=False))

    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in("nobody@example.com", _PASSWORD)


def test_a_locked_account_looks_like_a_wrong_password(pool: UserPool, clock: _Clock) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    for _ in range(fake.PASSWORD_ATTEMPTS):
        with pytest.raises(errors.InvalidCredentialsError):
            pool.sign_in(_EMAIL, _OTHER)

    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in(_EMAIL, _PASSWORD)

    clock.now += 1
    assert pool.sign_in(_EMAIL, _PASSWORD)


def test_disabled_users_and_required_resets(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    cognito.user(_EMAIL).must_reset = True
    with pytest.raises(errors.PasswordResetRequiredError):
        pool.sign_in(_EMAIL, _PASSWORD)

    cognito.user(_EMAIL).enabled = False
    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in(_EMAIL, _PASSWORD)


def test_a_user_with_a_first_password_has_to_choose_their_own(pool: UserPool, cognito: FakeCognito) -> None:
    class Challenging(FakeCognito):
        def admin_initiate_auth(self, **_: Any) -> dict[str, Any]:
            return {"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "...", "ChallengeParameters": {}}

    with pytest.raises(errors.PasswordResetRequiredError):
        _pool(Challenging()).sign_in(_EMAIL, _PASSWORD)


def test_a_flow_that_the_client_does_not_allow_is_refused() -> None:
    pool = _pool(FakeCognito(_auto_confirm, flows=("ALLOW_USER_SRP_AUTH",)))
    pool.sign_up(_EMAIL, _PASSWORD)

    with pytest.raises(errors.AccountInputError):
        pool.sign_in(_EMAIL, _PASSWORD)


def test_the_trigger_may_refuse_and_may_break() -> None:
    def refusing(event: dict[str, Any], _: object) -> dict[str, Any]:
        raise ValueError("no")

    def broken(event: dict[str, Any], _: object) -> dict[str, Any]:
        return {}

    with pytest.raises(errors.SignUpRefusedError):
        _pool(FakeCognito(refusing)).sign_up(_EMAIL, _PASSWORD)
    with pytest.raises(errors.UserPoolTriggerError):
        _pool(FakeCognito(broken)).sign_up(_EMAIL, _PASSWORD)


# ---------------------------------------------------------------- refreshing


def test_refreshing_rotates_the_token_and_keeps_the_session(pool: UserPool) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    first = pool.sign_in(_EMAIL, _PASSWORD)

    second = pool.refresh(first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert (second.user_id, second.session_id) == (first.user_id, first.session_id)
    assert second.signed_in_at == first.signed_in_at


def test_without_rotation_the_old_token_stays(clock: _Clock) -> None:
    pool = _pool(FakeCognito(_auto_confirm, clock=clock, rotation=False))
    pool.sign_up(_EMAIL, _PASSWORD)
    first = pool.sign_in(_EMAIL, _PASSWORD)

    assert pool.refresh(first.refresh_token).refresh_token == first.refresh_token


def test_a_used_token_is_good_for_the_grace_period_and_then_a_sign_of_theft(pool: UserPool, clock: _Clock) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    used = pool.sign_in(_EMAIL, _PASSWORD).refresh_token
    pool.refresh(used)

    clock.now += 10
    assert pool.refresh(used).refresh_token != used
    clock.now += 1
    with pytest.raises(errors.RefreshTokenReusedError):
        pool.refresh(used)


def test_seven_days_count_from_the_sign_in(pool: UserPool, clock: _Clock) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    token = pool.sign_in(_EMAIL, _PASSWORD).refresh_token
    clock.now += fake.REFRESH_SECONDS - 1
    token = pool.refresh(token).refresh_token

    clock.now += 1
    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.refresh(token)


@pytest.mark.parametrize("token", ["garbage", "ü", "a.b.c.d.e"])
def test_tokens_that_are_none(pool: UserPool, token: str) -> None:
    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.refresh(token)


def test_revoked_sessions_signed_out_users_and_disabled_users(pool: UserPool, cognito: FakeCognito) -> None:
    user = pool.sign_up(_EMAIL, _PASSWORD)

    def refuses(token: str) -> bool:
        with pytest.raises(errors.InvalidRefreshTokenError):
            pool.refresh(token)
        return True

    revoked, everywhere, disabled = (pool.sign_in(_EMAIL, _PASSWORD).refresh_token for _ in range(3))
    pool.revoke(revoked)
    assert refuses(revoked)
    pool.sign_out_everywhere(user.user_id)
    assert refuses(everywhere)
    cognito.user(_EMAIL).enabled = False
    assert refuses(disabled)


def test_an_access_token_is_nothing_to_revoke(pool: UserPool) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)

    with pytest.raises(errors.InvalidRefreshTokenError):
        pool.revoke(pool.sign_in(_EMAIL, _PASSWORD).access_token)


# ---------------------------------------------------------------- codes and passwords


def test_an_address_is_confirmed_by_the_code_that_was_sent_to_it(cognito: FakeCognito) -> None:
    cognito = FakeCognito()
    pool = _pool(cognito)
    assert not pool.sign_up(_EMAIL, _PASSWORD).confirmed
    with pytest.raises(errors.EmailNotConfirmedError):
        pool.sign_in(_EMAIL, _PASSWORD)

    pool.confirm(_EMAIL, cognito.outbox[-1][1])

    assert pool.sign_in(_EMAIL, _PASSWORD)


def test_wrong_old_and_used_codes(clock: _Clock) -> None:
    cognito = FakeCognito(clock=clock)
    pool = _pool(cognito)
    pool.sign_up(_EMAIL, _PASSWORD)
    code = cognito.outbox[-1][1]

    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(_EMAIL, "wrong")
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm("nobody@example.com", code)
    clock.now += fake.CONFIRMATION_CODE_SECONDS
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(_EMAIL, code)
    pool.resend_confirmation(_EMAIL)
    pool.confirm(_EMAIL, cognito.outbox[-1][1])
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(_EMAIL, cognito.outbox[-1][1])


def test_guessing_a_code_is_stopped(cognito: FakeCognito) -> None:
    cognito = FakeCognito()
    pool = _pool(cognito)
    pool.sign_up(_EMAIL, _PASSWORD)
    for _ in range(fake.CODE_ATTEMPTS):
        with pytest.raises(errors.InvalidOrExpiredCodeError):
            pool.confirm(_EMAIL, "wrong")

    with pytest.raises(TooManyAttemptsError) as refusal:
        pool.confirm(_EMAIL, cognito.outbox[-1][1])

    assert refusal.value.retry_after_seconds == 900


def test_nobody_to_send_a_code_to(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)

    with pytest.raises(errors.UserNotFoundError):
        pool.resend_confirmation(_EMAIL)
    cognito.user(_EMAIL).verified = False
    with pytest.raises(errors.UserNotFoundError):
        pool.forgot_password(_EMAIL)
    cognito.user(_EMAIL).enabled = False
    with pytest.raises(errors.UserNotFoundError):
        pool.forgot_password(_EMAIL)

    assert cognito.outbox == []


def test_a_forgotten_password_is_reset_by_a_code(pool: UserPool, cognito: FakeCognito, clock: _Clock) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    pool.forgot_password(_EMAIL)
    code = cognito.outbox[-1][1]

    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password(_EMAIL, "wrong", _OTHER)
    with pytest.raises(errors.WeakPasswordError):
        pool.reset_password(_EMAIL, code, "sunshine")
    pool.reset_password(_EMAIL, code, _OTHER)

    assert pool.sign_in(_EMAIL, _OTHER)
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password(_EMAIL, code, _PASSWORD)
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password("nobody@example.com", code, _OTHER)


def test_the_password_is_changed_by_the_old_one(pool: UserPool, clock: _Clock) -> None:
    pool.sign_up(_EMAIL, _PASSWORD)
    token = pool.sign_in(_EMAIL, _PASSWORD).access_token

    with pytest.raises(errors.WrongPasswordError):
        pool.change_password(token, _OTHER, _OTHER)
    with pytest.raises(errors.WeakPasswordError):
        pool.change_password(token, _PASSWORD, "sunshine")
    pool.change_password(token, _PASSWORD, _OTHER)

    assert pool.sign_in(_EMAIL, _OTHER)


# ---------------------------------------------------------------- removing


def test_deleting_a_user_twice_is_harmless(pool: UserPool) -> None:
    user = pool.sign_up(_EMAIL, _PASSWORD)

    pool.delete(user.user_id)
    pool.delete(user.user_id)

    with pytest.raises(errors.UserNotFoundError):
        pool.get(user.user_id)
    with pytest.raises(errors.UserNotFoundError):
        pool.sign_out_everywhere(user.user_id)


# ---------------------------------------------------------------- the table of errors


_ANYWHERE: dict[str, type[DreamVisionError]] = {
    "UserNotConfirmedException": errors.EmailNotConfirmedError,
    "PasswordResetRequiredException": errors.PasswordResetRequiredError,
    "UsernameExistsException": errors.UserAlreadyExistsError,
    "AliasExistsException": errors.UserAlreadyExistsError,
    "InvalidPasswordException": errors.WeakPasswordError,
    "PasswordHistoryPolicyViolationException": errors.WeakPasswordError,
    "InvalidParameterException": errors.AccountInputError,
    "CodeMismatchException": errors.InvalidOrExpiredCodeError,
    "ExpiredCodeException": errors.InvalidOrExpiredCodeError,
    "LimitExceededException": TooManyAttemptsError,
    "TooManyFailedAttemptsException": TooManyAttemptsError,
    "TooManyRequestsException": errors.UserPoolBusyError,
    "UserLambdaValidationException": errors.SignUpRefusedError,
    "UnexpectedLambdaException": errors.UserPoolTriggerError,
    "InvalidLambdaResponseException": errors.UserPoolTriggerError,
    "CodeDeliveryFailureException": errors.CodeDeliveryError,
}


@pytest.mark.parametrize(("code", "ours"), _ANYWHERE.items())
def test_the_table_of_cognitos_errors(
    code: str, ours: type[DreamVisionError], pool: UserPool, cognito: FakeCognito
) -> None:
    cognito.fail("SignUp", refused(code, f"{_EMAIL} was refused"))

    with pytest.raises(ours) as refusal:
        pool.sign_up(_EMAIL, _PASSWORD)

    assert type(refusal.value) is ours
    assert _EMAIL not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_what_nobody_foresaw_goes_up_as_it_is(pool: UserPool, cognito: FakeCognito) -> None:
    cognito.fail("SignUp", refused("AccessDeniedException"))

    with pytest.raises(ClientError):
        pool.sign_up(_EMAIL, _PASSWORD)


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="https://x"), ReadTimeoutError(endpoint_url="https://x")],
    ids=["no connection", "no answer"],
)
def test_a_pool_that_does_not_answer(pool: UserPool, cognito: FakeCognito, error: Exception) -> None:
    cognito.fail("AdminInitiateAuth", error)

    with pytest.raises(errors.UserPoolUnreachableError):
        pool.sign_in(_EMAIL, _PASSWORD)


def test_a_deleted_users_token_does_not_change_a_password(pool: UserPool, cognito: FakeCognito) -> None:
    cognito.fail("ChangePassword", refused("UserNotFoundException"))

    with pytest.raises(UnauthenticatedError):
        pool.change_password("token", _PASSWORD, _OTHER)


def test_a_seal_depends_on_what_is_sealed_and_on_the_secret(pool: UserPool) -> None:
    assert pool.seal("a") == _pool(FakeCognito()).seal("a")
    assert pool.seal("a") != pool.seal("b")
    assert len(pool.seal("a")) == 43
    assert fake.CLIENT_SECRET not in json.dumps(pool.seal("a"))
