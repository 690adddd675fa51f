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

    default_message = "The sign-in was refused."
    user_message = "The e-mail address or the password is wrong."


class WrongPasswordError(DreamVisionError):
    """A signed-in user gave a wrong current password."""

    default_message = "The current password is wrong."
    user_message = "The current password is wrong."


class EmailNotConfirmedError(DreamVisionError):
    """The account waits for the code from its e-mail."""

    default_message = "The e-mail address is not confirmed."
    user_message = "Please confirm your e-mail address first."


class PasswordResetRequiredError(DreamVisionError):
    """An administrator asks for a new password, or the first one was never chosen."""

    default_message = "The password has to be reset."
    user_message = "Please reset your password."


class UserAlreadyExistsError(DreamVisionError):
    """The e-mail address has an account."""

    default_message = "The user exists already."
    user_message = "An account with this e-mail address exists already."


class WeakPasswordError(DreamVisionError):
    """The user pool's password policy refuses the new password."""

    default_message = "The password is too weak."
    user_message = "Please choose a stronger password: 8 characters at least, an upper-case letter and a digit."


class AccountInputError(DreamVisionError):
    """Cognito refuses a value that passed our own checks."""

    default_message = "A value was refused."
    user_message = "The e-mail address, the password or the code has a form that cannot be used."


class InvalidOrExpiredCodeError(DreamVisionError):
    """A wrong code, an old one, or one for an account that does not exist."""

    default_message = "The code is wrong or has expired."
    user_message = "The code is wrong or has expired. Please ask for a new one."


class InvalidRefreshTokenError(DreamVisionError):
    """A refresh token that is wrong, used up, expired or revoked."""

    default_message = "The refresh token is not good."
    user_message = "Please sign in again."


class RefreshTokenReusedError(InvalidRefreshTokenError):
    """A refresh token that was rotated away before: somebody may have stolen it."""

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
    """A trigger of the user pool refused the user."""

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
