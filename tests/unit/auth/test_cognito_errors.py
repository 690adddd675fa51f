"""The mapping of Cognito's errors to ours."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from dreamvision.auth import errors
from dreamvision.auth.cognito import UserPool
from dreamvision.core.errors import DreamVisionError
from dreamvision.limits.rate_limits import TooManyAttemptsError
from tests.fakes.cognito import FakeCognito
from tests.fakes.cognito_state import refused
from tests.unit.auth.fixtures import EMAIL, PASSWORD

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
def test_each_cognito_error_has_its_own_error(
    code: str, ours: type[DreamVisionError], pool: UserPool, cognito: FakeCognito
) -> None:
    cognito.fail("SignUp", refused(code, f"{EMAIL} was refused"))

    with pytest.raises(ours) as refusal:
        pool.sign_up(EMAIL, PASSWORD)

    assert type(refusal.value) is ours
    assert EMAIL not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_an_unknown_error_is_raised_unchanged(pool: UserPool, cognito: FakeCognito) -> None:
    cognito.fail("SignUp", refused("AccessDeniedException"))

    with pytest.raises(ClientError):
        pool.sign_up(EMAIL, PASSWORD)


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="https://x"), ReadTimeoutError(endpoint_url="https://x")],
    ids=["no connection", "no answer"],
)
def test_a_pool_that_does_not_respond_is_unreachable(pool: UserPool, cognito: FakeCognito, error: Exception) -> None:
    cognito.fail("AdminInitiateAuth", error)

    with pytest.raises(errors.UserPoolUnreachableError):
        pool.sign_in(EMAIL, PASSWORD)
