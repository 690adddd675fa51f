"""What can go wrong with the user pool, and the one table from Cognito's errors to ours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.aws import error_code
from dreamvision.core.errors import DreamVisionError
from dreamvision.limits.rate_limits import TooManyAttemptsError


class InvalidCredentialsError(DreamVisionError):
    """No such user, or the wrong password: which of the two stays inside."""

    default_message = "The sign-in was rejected."
    user_message = "The e-mail address or password is incorrect."


class WrongPasswordError(DreamVisionError):
    """A signed-in user gave a wrong current password."""

    default_message = "The current password is incorrect."
    user_message = "The current password is incorrect."


class EmailNotConfirmedError(DreamVisionError):
    """The account waits for the code from its e-mail."""

    default_message = "The e-mail address is not confirmed."
    user_message = "Please confirm your e-mail address first."


class PasswordResetRequiredError(DreamVisionError):
    """An administrator asks for a new password, or the first one was never chosen."""

    default_message = "The password must be reset."
    user_message = "Please reset your password."


class UserAlreadyExistsError(DreamVisionError):
    """The e-mail address has an account."""

    default_message = "The user already exists."
    user_message = "An account with this e-mail address already exists."


class WeakPasswordError(DreamVisionError):
    """The user pool's password policy refuses the new password."""

    default_message = "The password is too weak."
    user_message = "Please choose a stronger password: at least 8 characters, with an upper-case letter and a digit."


class AccountInputError(DreamVisionError):
    """Cognito refuses a value that passed our own checks."""

    default_message = "Cognito rejected a value."
    user_message = "The e-mail address, password or code is not valid."


class InvalidOrExpiredCodeError(DreamVisionError):
    """A wrong code, an old one, or one for an account that does not exist."""

    default_message = "The code is incorrect or has expired."
    user_message = "The code is incorrect or has expired. Please request a new one."


class InvalidRefreshTokenError(DreamVisionError):
    """A refresh token that is wrong, used up, expired or revoked."""

    default_message = "The refresh token is not valid."
    user_message = "Please sign in again."


class RefreshTokenReusedError(InvalidRefreshTokenError):
    """A refresh token that was rotated away before: somebody may have stolen it."""

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
    """A trigger of the user pool refused the user."""

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
    """The pool has no such user. Never shown to anybody who has not signed in."""

    default_message = "No such user."


type Translation = Mapping[str, type[DreamVisionError]]

# What an error of Cognito means wherever it comes up; a call may read some of them in its own way. What is in
# neither is nobody's fault but ours, and goes up as it is.
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
SIGNING_IN: Translation = {
    "NotAuthorizedException": InvalidCredentialsError,
    "UserNotFoundException": InvalidCredentialsError,
}
REFRESHING: Translation = {
    "NotAuthorizedException": InvalidRefreshTokenError,
    "UserNotFoundException": InvalidRefreshTokenError,
    "InvalidParameterException": InvalidRefreshTokenError,
    "UnsupportedTokenTypeException": InvalidRefreshTokenError,
    "RefreshTokenReuseException": RefreshTokenReusedError,
}
# An unknown user, one who is confirmed already and one who cannot be confirmed look like a wrong code.
USING_A_CODE: Translation = {
    "NotAuthorizedException": InvalidOrExpiredCodeError,
    "UserNotFoundException": InvalidOrExpiredCodeError,
    "UserNotConfirmedException": InvalidOrExpiredCodeError,
    "InvalidParameterException": InvalidOrExpiredCodeError,
}
# No account, a disabled one, one without a verified address, one that needs no code: there is nobody to write to.
ASKING_FOR_A_CODE: Translation = {
    "NotAuthorizedException": UserNotFoundError,
    "UserNotConfirmedException": UserNotFoundError,
    "InvalidParameterException": UserNotFoundError,
}
CHANGING_PASSWORD: Translation = {
    "NotAuthorizedException": WrongPasswordError,
    "UserNotFoundException": UnauthenticatedError,
}


@contextmanager
def translated(here: Translation | None = None) -> Iterator[None]:
    """Errors of Cognito inside the block come out as ours. ``here`` is how this call reads some of them.

    Raises:
        UserPoolUnreachableError: no answer came.
    """
    try:
        yield
    except ClientError as error:
        known = {**_ERRORS, **(here or {})}.get(error_code(error))
        if known is None:
            raise
        # Cognito's message can quote what it was given: it ends here.
        raise known from None
    except (ConnectionError, HTTPClientError):
        raise UserPoolUnreachableError from None
