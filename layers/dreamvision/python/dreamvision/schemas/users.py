"""Accounts: registration, sign-in, passwords and the profile."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StringConstraints

from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.schemas.base import CODE_PATTERN, SPACE, Request, Response, Timestamp, UuidText, WholeNumber
from dreamvision.schemas.categories import Category
from dreamvision.schemas.invalid_values import ValueCode, invalid, too_long, too_short
from dreamvision.schemas.passwords import MAX_PASSWORD_LENGTH, Password

MIN_PASSWORD_LENGTH = 8
MIN_USERNAME_LENGTH = 3
MAX_USERNAME_LENGTH = 30
MAX_EMAIL_LENGTH = 128  # Cognito's maximum for a username; users sign in with the address as one
MAX_CODE_LENGTH = 64
MAX_TOKEN_LENGTH = 8192

# Not allowed in a username: control characters, ASCII punctuation except "-", "." and "_", and characters that are
# invisible or change the text direction. Plain ranges, so that the pattern means the same in Python and ECMAScript. It
# includes the length: 3 to 30 without leading and trailing spaces.
_NOT_IN_NAMES = (
    r"\u0000-\u001F!-,/:-@\[-\^`\{-\u009F\u00A0\u00AD\u034F\u061C\u115F\u1160\u1680\u17B4\u17B5\u180B-\u180F"
    r"\u2000-\u206F\u2800\u3000\u3164\uD800-\uF8FF\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFF"
    "\U000e0000-\U000e0fff"
)
USERNAME_PATTERN = f"^ *[^ {_NOT_IN_NAMES}][^{_NOT_IN_NAMES}]{{1,28}}[^ {_NOT_IN_NAMES}] *$"

# For the JSON Schema, without what is rare: generators write escapes above \xFF into their output as characters, and a
# range outside the basic plane is an error in ECMAScript without the flag u.
_NOT_IN_PUBLISHED_NAMES = r"\x00-\x1F!-,/:-@\[-\^`\{-\x9F\xA0\xAD"
_PUBLISHED_PATTERN = USERNAME_PATTERN.replace(_NOT_IN_NAMES, _NOT_IN_PUBLISHED_NAMES)
# An upper-case letter and a digit in any order, and no space at either end: without lookahead, which not every dialect
# has, and as one pattern, as generators type a schema with ``allOf`` as unknown.
_LETTER_AND_DIGIT = r"([A-Z][\s\S]*[0-9]|[0-9][\s\S]*[A-Z])"
_PASSWORD_PATTERN = rf"^([^{SPACE}][\s\S]*)?{_LETTER_AND_DIGIT}([\s\S]*[^{SPACE}])?$"


def _reject_display_name(value: object) -> object:
    # EmailStr would accept "Jane <jane@example.com>" and take the address from it.
    if isinstance(value, str) and "<" in value:
        raise invalid(ValueCode.INVALID_EMAIL, "Must be an e-mail address without a name before it.")
    return value


def _validate_username(name: str) -> str:
    stripped = name.strip(" ")
    if len(stripped) < MIN_USERNAME_LENGTH:
        raise too_short(MIN_USERNAME_LENGTH)
    if len(stripped) > MAX_USERNAME_LENGTH:
        raise too_long(MAX_USERNAME_LENGTH)
    if not re.fullmatch(USERNAME_PATTERN, name):
        sentence = "Must consist of letters, digits, spaces and the characters - . _"
        raise invalid(ValueCode.INVALID_CHARACTERS, sentence)
    return stripped


def _validate_password(password: str) -> str:
    # Cognito counts only basic Latin letters and digits.
    if not any("A" <= character <= "Z" for character in password):
        raise invalid(ValueCode.NO_UPPER_CASE, "Must contain an upper-case letter (A to Z).")
    if not any("0" <= character <= "9" for character in password):
        raise invalid(ValueCode.NO_DIGIT, "Must contain a digit (0 to 9).")
    if password != password.strip():
        raise invalid(ValueCode.SPACE_AROUND, "Must not begin or end with a space.")
    return password


Email = Annotated[
    EmailStr,
    Field(max_length=MAX_EMAIL_LENGTH, examples=["dreamer@example.com"]),
    BeforeValidator(_reject_display_name),
    AfterValidator(str.lower),
]
"""An e-mail address, lower-cased."""

NewPassword = Annotated[
    str,
    StringConstraints(strict=True, min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH),
    AfterValidator(_validate_password),
    Field(
        description="At least 8 characters, with an upper-case letter (A to Z) and a digit.",
        examples=["Moonlight7"],
        json_schema_extra={"format": "password", "pattern": _PASSWORD_PATTERN},
    ),
]

Username = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(_validate_username),
    Field(
        description="3 to 30 letters (of any script), digits, spaces and `-` `.` `_`; unique regardless of case.",
        examples=["luna_dreams"],
        json_schema_extra={"pattern": _PUBLISHED_PATTERN},
    ),
]

Code = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MAX_CODE_LENGTH, pattern=CODE_PATTERN),
    Field(description="The code from the e-mail.", examples=["123456"]),
]

RefreshToken = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MAX_TOKEN_LENGTH),
    Field(description="The latest refresh token of the session.", examples=["eyJjdHkiOiJKV1QiLCJlbmMi..."]),
]


class UserRegister(Request):
    """A new account."""

    email: Email
    password: NewPassword
    username: Username


class UserLogin(Request):
    """Sign-in credentials."""

    email: Email
    password: Password


class TokenRefreshRequest(Request):
    """A session to refresh."""

    refresh_token: RefreshToken


class SignOutRequest(Request):
    """The session to end."""

    refresh_token: RefreshToken


class ConfirmationRequest(Request):
    """An e-mail address, the code that was sent to it, and the password of whoever has received the code."""

    email: Email
    code: Code
    password: NewPassword | None = Field(
        default=None, description="The account's password from now on. Send it: see the description of the route."
    )


class EmailRequest(Request):
    """The e-mail address of the account that needs a code."""

    email: Email


class PasswordResetRequest(Request):
    """A new password, authorized by a code."""

    email: Email
    code: Code
    new_password: NewPassword


class PasswordChangeRequest(Request):
    """A new password, authorized by the current one."""

    current_password: Password
    new_password: NewPassword


class ProfileUpdate(Request):
    """A change to the profile."""

    username: Username


class AccountUser(Response):
    """The user of the account."""

    id: UuidText
    email: str = Field(examples=["dreamer@example.com"])
    username: str = Field(examples=["luna_dreams"])


class TokenResponse(Response):
    """The tokens of a session. Send `access_token` as `Authorization: Bearer ...`."""

    access_token: str = Field(examples=["eyJraWQiOiJ..."])
    refresh_token: str = Field(description="Valid for one refresh: store the latest.", examples=["eyJjdHkiOiJ..."])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a token type, not a token
    expires_in: WholeNumber = Field(description="Seconds until the access token expires.", examples=[3600])
    user: AccountUser


class ConfirmationRequired(Response):
    """The account was created and must be confirmed with the code that was sent to its e-mail address."""

    confirmation_required: Literal[True] = True
    user: AccountUser


class Accepted(Response):
    """The request was accepted. The response is the same whether or not the account exists."""

    message: str = Field(examples=["If the address belongs to an eligible account, a code has been sent to it."])


class UserProfile(Response):
    """The signed-in user."""

    id: UuidText
    email: str = Field(examples=["dreamer@example.com"])
    username: str = Field(examples=["luna_dreams"])
    subscription_tier: SubscriptionTier = Field(examples=["free"])
    dreams_count: WholeNumber = Field(ge=0, examples=[3])
    videos_count: WholeNumber = Field(ge=0, description="Completed videos.", examples=[2])
    dreams_by_category: dict[Category, WholeNumber] = Field(
        examples=[{"gothic": 1, "chase": 0, "flight": 2, "transformation": 0, "physics": 0, "liminal": 0}]
    )
    created_at: Timestamp
