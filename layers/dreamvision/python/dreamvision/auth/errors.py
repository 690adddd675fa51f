"""User pool errors, and the mapping from Cognito's errors to them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.aws import error_code
from dreamvision.core.errors import DreamVisionError
from dreamvision.limits.rate_limits import TooManyAttemptsError


class InvalidCredentialsError(DreamVisionError):
    """The user does not exist, or the password is wrong; clients are not told which."""

    default_message = "The sign-in was rejected."
    user_message = "The e-mail address or password is incorrect."


class WrongPasswordError(DreamVisionError):
    """The current password of a signed-in user is wrong."""

    default_message = "The current password is incorrect."
    user_message = "The current password is incorrect."


class EmailNotConfirmedError(DreamVisionError):
    """The account has not been confirmed with the code sent by e-mail."""

    default_message = "The e-mail address is not confirmed."
    user_message = "Please confirm your e-mail address first."


class PasswordResetRequiredError(DreamVisionError):
    """An administrator requires a new password, or the initial one was never replaced."""

    default_message = "The password must be reset."
    user_message = "Please reset your password."


class UserAlreadyExistsError(DreamVisionError):
    """The e-mail address already has an account."""

    default_message = "The user already exists."
    user_message = "An account with this e-mail address already exists."


class WeakPasswordError(DreamVisionError):
    """The new password does not satisfy the user pool's policy."""

    default_message = "The password is too weak."
    user_message = "Please choose a stronger password: at least 8 characters, with an upper-case letter and a digit."


class AccountInputError(DreamVisionError):
    """Cognito rejected a value that passed our own checks."""

    default_message = "Cognito rejected a value."
    user_message = "The e-mail address, password or code is not valid."


class InvalidOrExpiredCodeError(DreamVisionError):
    """The code is wrong or expired, or the account does not exist."""

    default_message = "The code is incorrect or has expired."
    user_message = "The code is incorrect or has expired. Please request a new one."


class InvalidRefreshTokenError(DreamVisionError):
    """The refresh token is invalid, already used, expired or revoked."""

    default_message = "The refresh token is not valid."
    user_message = "Please sign in again."


class RefreshTokenReusedError(InvalidRefreshTokenError):
    """The refresh token was rotated, and its grace period is over: it may have been stolen."""

    default_message = "The refresh token was already used."


class UserPoolBusyError(DreamVisionError):
    """The account's request quota at Cognito is used up."""

    default_message = "The user pool's request quota is used up."
    user_message = "The service is busy right now. Please try again in a moment."


class UserPoolUnreachableError(DreamVisionError):
    """Cognito did not answer."""

    default_message = "The user pool could not be reached."
    user_message = "The account service is not available right now. Please try again in a moment."


class SignUpRefusedError(DreamVisionError):
    """A trigger of the user pool rejected the user."""

    default_message = "A user pool trigger rejected the user."
    user_message = "This account cannot be created."


class UserPoolTriggerError(DreamVisionError):
    """A trigger of the user pool failed."""

    default_message = "A user pool trigger failed."


class CodeDeliveryError(DreamVisionError):
    """The e-mail with the code could not be sent."""

    default_message = "The code could not be delivered."
    user_message = "The e-mail could not be sent. Please try again later."


class UserNotFoundError(DreamVisionError):
    """The pool has no such user. Never revealed to unauthenticated clients."""

    default_message = "No such user."


type Translation = Mapping[str, type[DreamVisionError]]

# The default meaning of Cognito's errors; a call may override some of them. An error in neither mapping is a bug of
# ours and propagates unchanged.
_ERRORS: Translation = {
    "UserNotFoundException": UserNotFoundError,
    "UserNotConfirmedException": EmailNotConfirmedError,
    "PasswordResetRequiredException": PasswordResetRequiredError,
    "UsernameExistsException": UserAlreadyExistsError,
    "AliasExistsException": UserAlreadyExistsError,
    "InvalidPasswordException": WeakPasswordError,
    "PasswordHistoryPolicyViolationException": WeakPasswordError,
    "InvalidParameterException": AccountInputError,
    "CodeMismatchException": InvalidOrExpiredCodeError,
    "ExpiredCodeException": InvalidOrExpiredCodeError,
    "LimitExceededException": TooManyAttemptsError,
    "TooManyFailedAttemptsException": TooManyAttemptsError,
    "TooManyRequestsException": UserPoolBusyError,
    "UserLambdaValidationException": SignUpRefusedError,
    "UnexpectedLambdaException": UserPoolTriggerError,
    "InvalidLambdaResponseException": UserPoolTriggerError,
    "CodeDeliveryFailureException": CodeDeliveryError,
}
SIGN_IN_ERRORS: Translation = {
    "NotAuthorizedException": InvalidCredentialsError,
    "UserNotFoundException": InvalidCredentialsError,
}
REFRESH_ERRORS: Translation = {
    "NotAuthorizedException": InvalidRefreshTokenError,
    "UserNotFoundException": InvalidRefreshTokenError,
    "InvalidParameterException": InvalidRefreshTokenError,
    "UnsupportedTokenTypeException": InvalidRefreshTokenError,
    "RefreshTokenReuseException": RefreshTokenReusedError,
}
# Unknown, already confirmed and unconfirmable users must be indistinguishable from a wrong code.
CODE_ERRORS: Translation = {
    "NotAuthorizedException": InvalidOrExpiredCodeError,
    "UserNotFoundException": InvalidOrExpiredCodeError,
    "UserNotConfirmedException": InvalidOrExpiredCodeError,
    "InvalidParameterException": InvalidOrExpiredCodeError,
}
# No code can be sent: no account, a disabled one, one without a verified address, or one that needs no code.
CODE_REQUEST_ERRORS: Translation = {
    "NotAuthorizedException": UserNotFoundError,
    "UserNotConfirmedException": UserNotFoundError,
    "InvalidParameterException": UserNotFoundError,
}
PASSWORD_CHECK_ERRORS: Translation = {
    "NotAuthorizedException": WrongPasswordError,
    "UserNotFoundException": UnauthenticatedError,
}


@contextmanager
def translate_errors(overrides: Translation | None = None) -> Iterator[None]:
    """Translate Cognito's errors raised in the block to ours. ``overrides`` replaces default translations.

    Raises:
        UserPoolUnreachableError: Cognito did not respond.
    """
    try:
        yield
    except ClientError as error:
        translation = {**_ERRORS, **(overrides or {})}.get(error_code(error))
        if translation is None:
            raise
        # Drop Cognito's message: it may quote the input.
        raise translation from None
    except (ConnectionError, HTTPClientError):
        raise UserPoolUnreachableError from None
