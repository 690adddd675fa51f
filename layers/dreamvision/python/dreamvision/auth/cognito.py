"""Cognito: the only module that talks to the user pool.

The app client has a secret, so that nobody can go round our limits with its public id. The secret is read once per
container. Tokens that come straight from Cognito over TLS are read without verifying them again.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3

from dreamvision.auth.errors import (
    ASKING_FOR_A_CODE,
    CHANGING_PASSWORD,
    REFRESHING,
    SIGNING_IN,
    USING_A_CODE,
    PasswordResetRequiredError,
    UserNotFoundError,
    translated,
)
from dreamvision.core.aws import client_config
from dreamvision.core.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AuthenticationResultTypeTypeDef

# A password hash takes Cognito some 100 ms; a call that hangs must not eat the function's own timeout.
_CLIENT_CONFIG = client_config(attempts=2)


class CognitoSettings(Config):
    """Which pool, and which app client of it."""

    user_pool_id: str
    user_pool_client_id: str


class Tokens(NamedTuple):
    """What a sign-in or a refresh gives. ``expires_in`` is in seconds, ``signed_in_at`` in Unix seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user_id: str
    session_id: str
    signed_in_at: int


class NewUser(NamedTuple):
    """A user that has just been made. An unconfirmed one has been sent a code."""

    user_id: str
    confirmed: bool


class PoolUser(NamedTuple):
    """A user as the pool knows them."""

    user_id: str
    email: str
    created_at: datetime


class UserPool:
    """The users of the app. ``username`` is the e-mail address, or the user's id (``sub``)."""

    def __init__(self, settings: CognitoSettings, client: "CognitoIdentityProviderClient | None" = None) -> None:
        self._pool_id = settings.user_pool_id
        self._client_id = settings.user_pool_client_id
        self._given_client = client

    def sign_up(self, email: str, password: str) -> NewUser:
        """Make a user.

        Raises:
            UserAlreadyExistsError, WeakPasswordError, AccountInputError, SignUpRefusedError, CodeDeliveryError
        """
        with translated():
            made = self._client.sign_up(
                ClientId=self._client_id,
                SecretHash=self._secret_hash(email),
                Username=email,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        return NewUser(user_id=made["UserSub"], confirmed=made["UserConfirmed"])

    def sign_in(self, username: str, password: str) -> Tokens:
        """Begin a session.

        Raises:
            InvalidCredentialsError, EmailNotConfirmedError, PasswordResetRequiredError
        """
        with translated(SIGNING_IN):
            answer = self._client.admin_initiate_auth(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={
                    "USERNAME": username,
                    "PASSWORD": password,
                    "SECRET_HASH": self._secret_hash(username),
                },
            )
        result = answer.get("AuthenticationResult")
        if not result:
            # A challenge: the only one without a second factor is to choose the first password.
            raise PasswordResetRequiredError
        return _tokens(result)

    def refresh(self, refresh_token: str) -> Tokens:
        """Go on with a session. The token given is used up where the pool rotates tokens.

        Raises:
            InvalidRefreshTokenError: RefreshTokenReusedError where it had been used up before.
        """
        with translated(REFRESHING):
            answer = self._client.get_tokens_from_refresh_token(
                RefreshToken=refresh_token, ClientId=self._client_id, ClientSecret=self._secret
            )
        return _tokens(answer["AuthenticationResult"], refresh_token)

    def revoke(self, refresh_token: str) -> None:
        """End a session at Cognito: its refresh tokens, and its access tokens as far as Cognito checks them."""
        with translated(REFRESHING):
            self._client.revoke_token(Token=refresh_token, ClientId=self._client_id, ClientSecret=self._secret)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End all sessions of a user at Cognito.

        Raises:
            UserNotFoundError
        """
        with translated():
            self._client.admin_user_global_sign_out(UserPoolId=self._pool_id, Username=user_id)

    def get(self, username: str) -> PoolUser:
        """One user.

        Raises:
            UserNotFoundError
        """
        with translated():
            found = self._client.admin_get_user(UserPoolId=self._pool_id, Username=username)
        attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in found["UserAttributes"]}
        return PoolUser(
            user_id=attributes["sub"], email=attributes["email"].lower(), created_at=found["UserCreateDate"]
        )

    def disable(self, user_id: str) -> None:
        """Nobody signs in as this user any more. Harmless when there is no such user."""
        try:
            with translated():
                self._client.admin_disable_user(UserPoolId=self._pool_id, Username=user_id)
        except UserNotFoundError:
            return

    def delete(self, user_id: str) -> None:
        """Remove a user. Harmless when there is none."""
        try:
            with translated():
                self._client.admin_delete_user(UserPoolId=self._pool_id, Username=user_id)
        except UserNotFoundError:
            return

    def confirm(self, email: str, code: str) -> None:
        """Confirm a new user by the code that was sent to them.

        Raises:
            InvalidOrExpiredCodeError, TooManyAttemptsError
        """
        with translated(USING_A_CODE):
            self._client.confirm_sign_up(
                ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email, ConfirmationCode=code
            )

    def resend_confirmation(self, email: str) -> None:
        """Send another code to a user who is not confirmed yet.

        Raises:
            UserNotFoundError: there is nobody to send one to.
            TooManyAttemptsError, CodeDeliveryError
        """
        with translated(ASKING_FOR_A_CODE):
            self._client.resend_confirmation_code(
                ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email
            )

    def forgot_password(self, email: str) -> None:
        """Send a code for a new password.

        Raises:
            UserNotFoundError: there is nobody to send one to.
            TooManyAttemptsError, CodeDeliveryError
        """
        with translated(ASKING_FOR_A_CODE):
            self._client.forgot_password(ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email)

    def reset_password(self, email: str, code: str, password: str) -> None:
        """Set a new password by the code that was sent for it.

        Raises:
            InvalidOrExpiredCodeError, WeakPasswordError, TooManyAttemptsError
        """
        with translated(USING_A_CODE):
            self._client.confirm_forgot_password(
                ClientId=self._client_id,
                SecretHash=self._secret_hash(email),
                Username=email,
                ConfirmationCode=code,
                Password=password,
            )

    def seal(self, purpose: str) -> str:
        """A proof that this text came from us: nobody makes one without the client's secret. 43 URL-safe characters."""
        digest = hmac.digest(self._secret.encode(), f"seal:{purpose}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def change_password(self, access_token: str, current: str, new: str) -> None:
        """Set a new password by the current one. Cognito counts the failures.

        Raises:
            WrongPasswordError, WeakPasswordError, TooManyAttemptsError
        """
        with translated(CHANGING_PASSWORD):
            self._client.change_password(AccessToken=access_token, PreviousPassword=current, ProposedPassword=new)

    @cached_property
    def _client(self) -> "CognitoIdentityProviderClient":
        return self._given_client or boto3.client("cognito-idp", config=_CLIENT_CONFIG)

    @cached_property
    def _secret(self) -> str:
        with translated():
            described = self._client.describe_user_pool_client(UserPoolId=self._pool_id, ClientId=self._client_id)
        return described["UserPoolClient"]["ClientSecret"]

    def _secret_hash(self, username: str) -> str:
        """Base64 of HMAC-SHA256 with the client's secret over the user name *as given* and the client's id."""
        digest = hmac.digest(self._secret.encode(), (username + self._client_id).encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()


def _tokens(result: "AuthenticationResultTypeTypeDef", previous: str = "") -> Tokens:
    """A pool without rotation answers a refresh without a new refresh token: the old one stays good."""
    claims = _claims(result["AccessToken"])
    return Tokens(
        access_token=result["AccessToken"],
        refresh_token=result.get("RefreshToken") or previous,
        expires_in=result["ExpiresIn"],
        user_id=str(claims["sub"]),
        session_id=str(claims["origin_jti"]),
        signed_in_at=int(claims.get("auth_time", claims["iat"])),
    )


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
