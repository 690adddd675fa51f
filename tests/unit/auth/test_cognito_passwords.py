"""Confirmation codes, password resets and password changes at Cognito."""

import pytest

from dreamvision.auth import errors
from dreamvision.auth.cognito import UserPool
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.limits.rate_limits import TooManyAttemptsError
from tests.fakes import cognito as fake
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import refused
from tests.unit.auth.fixtures import EMAIL, OTHER_PASSWORD, PASSWORD, Clock, pool_on


def test_an_address_is_confirmed_with_its_code(cognito: FakeCognito) -> None:
    cognito = FakeCognito()
    pool = pool_on(cognito)
    assert not pool.sign_up(EMAIL, PASSWORD).confirmed
    with pytest.raises(errors.EmailNotConfirmedError):
        pool.sign_in(EMAIL, PASSWORD)

    pool.confirm(EMAIL, cognito.outbox[-1][1])

    assert pool.sign_in(EMAIL, PASSWORD)


def test_wrong_expired_and_used_codes_are_rejected(clock: Clock) -> None:
    cognito = FakeCognito(clock=clock)
    pool = pool_on(cognito)
    pool.sign_up(EMAIL, PASSWORD)
    code = cognito.outbox[-1][1]

    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(EMAIL, "wrong")
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm("unknown@example.com", code)
    clock.now += fake.CONFIRMATION_CODE_SECONDS
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(EMAIL, code)
    pool.resend_confirmation(EMAIL)
    pool.confirm(EMAIL, cognito.outbox[-1][1])
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.confirm(EMAIL, cognito.outbox[-1][1])


def test_guessing_codes_is_limited(cognito: FakeCognito) -> None:
    cognito = FakeCognito()
    pool = pool_on(cognito)
    pool.sign_up(EMAIL, PASSWORD)
    for _ in range(fake.CODE_ATTEMPTS):
        with pytest.raises(errors.InvalidOrExpiredCodeError):
            pool.confirm(EMAIL, "wrong")

    with pytest.raises(TooManyAttemptsError) as refusal:
        pool.confirm(EMAIL, cognito.outbox[-1][1])

    assert refusal.value.retry_after_seconds == 900


def test_no_code_is_sent_to_ineligible_users(pool: UserPool, cognito: FakeCognito) -> None:
    pool.sign_up(EMAIL, PASSWORD)

    with pytest.raises(errors.UserNotFoundError):
        pool.resend_confirmation(EMAIL)
    cognito.user(EMAIL).verified = False
    with pytest.raises(errors.UserNotFoundError):
        pool.forgot_password(EMAIL)
    cognito.user(EMAIL).enabled = False
    with pytest.raises(errors.UserNotFoundError):
        pool.forgot_password(EMAIL)

    assert cognito.outbox == []


def test_a_forgotten_password_is_reset_with_a_code(pool: UserPool, cognito: FakeCognito, clock: Clock) -> None:
    pool.sign_up(EMAIL, PASSWORD)
    pool.forgot_password(EMAIL)
    code = cognito.outbox[-1][1]

    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password(EMAIL, "wrong", OTHER_PASSWORD)
    with pytest.raises(errors.WeakPasswordError):
        pool.reset_password(EMAIL, code, "sunshine")
    pool.reset_password(EMAIL, code, OTHER_PASSWORD)

    assert pool.sign_in(EMAIL, OTHER_PASSWORD)
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password(EMAIL, code, PASSWORD)
    with pytest.raises(errors.InvalidOrExpiredCodeError):
        pool.reset_password("unknown@example.com", code, OTHER_PASSWORD)


def test_a_password_is_checked_without_leaving_a_session(pool: UserPool, cognito: FakeCognito) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)

    pool.check_password(user.user_id, PASSWORD)
    with pytest.raises(errors.WrongPasswordError):
        pool.check_password(user.user_id, OTHER_PASSWORD)

    assert [session.revoked for session in cognito.sessions] == [True]


def test_a_new_password_must_satisfy_the_policy(pool: UserPool) -> None:
    user = pool.sign_up(EMAIL, PASSWORD)

    with pytest.raises(errors.WeakPasswordError):
        pool.set_password(user.user_id, "sunshine")
    pool.set_password(user.user_id, OTHER_PASSWORD)

    assert pool.sign_in(EMAIL, OTHER_PASSWORD)
    with pytest.raises(errors.InvalidCredentialsError):
        pool.sign_in(EMAIL, PASSWORD)


@pytest.mark.parametrize("operation", ["AdminInitiateAuth", "AdminSetUserPassword"])
def test_a_deleted_users_password_is_not_changed(pool: UserPool, cognito: FakeCognito, operation: str) -> None:
    cognito.fail(operation, refused("UserNotFoundException"))

    call = pool.check_password if operation == "AdminInitiateAuth" else pool.set_password
    with pytest.raises(UnauthenticatedError):
        call("a-user", PASSWORD)
