"""Passwords as entered, and the request that one authorizes. Apart from ``users``, which needs the e-mail validator."""

from typing import Annotated

from pydantic import Field, StringConstraints

from dreamvision.schemas.base import Request

MAX_PASSWORD_LENGTH = 256  # Cognito's maximum

Password = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=MAX_PASSWORD_LENGTH),
    Field(examples=["Moonlight7"], json_schema_extra={"format": "password"}),
]
"""A password as entered to sign in: not checked against the policy."""


class AccountDeletion(Request):
    """The deletion of the account, authorized by the password."""

    password: Password
