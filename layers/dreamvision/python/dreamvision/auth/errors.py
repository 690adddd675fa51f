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

    default_message = "The sign-in was refused."
    user_message = "The e-mail address or the password is wrong."


class WrongPasswordError(DreamVisionError):
    """The current password of a signed-in user is wrong."""

    default_message = "The current password is wrong."
    user_message = "The current password is wrong."


class EmailNotConfirmedError(DreamVisionError):
    """The account has not been confirmed with the code sent by e-mail."""

    default_message = "The e-mail address is not confirmed."
    user_message = "Please confirm your e-mail address first."


class PasswordResetRequiredError(DreamVisionError):
    """An administrator requires a new password, or the initial one was never replaced."""

    default_message = "The password has to be reset."
    user_message = "Please reset your password."


class UserAlreadyExistsError(DreamVisionError):
    """The e-mail address already has an account."""

    default_message = "The user exists already."
    user_message = "An account with this e-mail address exists already."


class WeakPasswordError(DreamVisionError):
    """The new password does not satisfy the user pool's policy."""

    default_message = "The password is too weak."
    user_message = "Please choose a stronger password: 8 characters at least, an upper-case letter and a digit."


class AccountInputError(DreamVisionError):
    """Cognito rejected a value that passed our own checks."""

    default_message = "A value was refused."
    user_message = "The e-mail address, the password or the code has a form that cannot be used."


class InvalidOrExpiredCodeError(DreamVisionError):
    """The code is wrong or expired, or the account does not exist."""

    default_message = "The code is wrong or has expired."
    user_message = "The code is wrong or has expired. Please ask for a new one."


class InvalidRefreshTokenError(DreamVisionError):
    """The refresh token is invalid, already used, expired or revoked."""

    default_message = "The refresh token is not good."
    user_message = "Please sign in again."


class RefreshTokenReusedError(InvalidRefreshTokenError):
    """The refresh token was already rotated: it may have been stolen."""

    default_message = "The refresh token was used before."


class UserPoolBusyError(DreamVisionError):
    """The account's request quota at Cognito is used up."""

    default_message = "The user pool is busy."
    user_message = "We are very busy right now. Please try again in a moment."


class UserPoolUnreachableError(DreamVisionError):
    """Cognito did not answer."""

    default_message = "The user pool could not be reached."
    user_message = "Accounts cannot be reached right now. Please try again in a moment."


class SignUpRefusedError(DreamVisionError):
    """A trigger of the user pool rejected the user."""

    default_message = "A trigger refused the user."
    user_message = "This account cannot be created."


class UserPoolTriggerError(DreamVisionError):
    """A trigger of the user pool failed."""

    default_message = "A trigger of the user pool failed."


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
PASSWORD_CHANGE_ERRORS: Translation = {
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
