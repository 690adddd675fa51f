"""The Cognito client: the only module that calls the user pool.

The app client has a secret, so that its public id alone is not enough to sign in or register past our rate limits. Its
access tokens lack the scope that opens Cognito's own API to a client (docs/SECURITY.md). The secret is read once per
container. Tokens received directly from Cognito over TLS are read without verifying them again.
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
    CODE_ERRORS,
    CODE_REQUEST_ERRORS,
    PASSWORD_CHECK_ERRORS,
    REFRESH_ERRORS,
    SIGN_IN_ERRORS,
    PasswordResetRequiredError,
    Translation,
    UserNotFoundError,
    translate_errors,
)
from dreamvision.core.aws import client_config
from dreamvision.core.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_cognito_idp.type_defs import AuthenticationResultTypeTypeDef

# Cognito needs about 100 ms to hash a password; a call that hangs must not use up the function's own timeout.
_CLIENT_CONFIG = client_config(attempts=2)


class CognitoSettings(Config):
    """The user pool and its app client."""

    user_pool_id: str
    user_pool_client_id: str


class Tokens(NamedTuple):
    """The result of a sign-in or refresh. ``expires_in`` is in seconds, ``signed_in_at`` in Unix seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user_id: str
    session_id: str
    signed_in_at: int


class NewUser(NamedTuple):
    """A newly created user. An unconfirmed one has been sent a code."""

    user_id: str
    confirmed: bool


class PoolUser(NamedTuple):
    """A user's attributes in the pool."""

    user_id: str
    email: str
    created_at: datetime
    enabled: bool = True
    confirmed: bool = True


class UserPool:
    """The user pool. ``username`` is the e-mail address or the user's id (``sub``)."""

    def __init__(self, settings: CognitoSettings, client: "CognitoIdentityProviderClient | None" = None) -> None:
        self._pool_id = settings.user_pool_id
        self._client_id = settings.user_pool_client_id
        self._injected_client = client

    @property
    def pool_id(self) -> str:
        return self._pool_id

    def sign_up(self, email: str, password: str) -> NewUser:
        """Create a user.

        Raises:
            UserAlreadyExistsError: the e-mail address already has an account.
            WeakPasswordError: the password does not satisfy the pool's policy.
            AccountInputError: Cognito rejected a value.
            SignUpRefusedError: a trigger rejected the user.
            CodeDeliveryError: the e-mail could not be sent.
        """
        with translate_errors():
            response = self._client.sign_up(
                ClientId=self._client_id,
                SecretHash=self._secret_hash(email),
                Username=email,
                Password=password,
                UserAttributes=[{"Name": "email", "Value": email}],
            )
        return NewUser(user_id=response["UserSub"], confirmed=response["UserConfirmed"])

    def sign_in(self, username: str, password: str) -> Tokens:
        """Start a session.

        Raises:
            InvalidCredentialsError: the user does not exist, or the password is wrong.
            EmailNotConfirmedError: the e-mail address is not confirmed. Cognito does not check the password before.
            PasswordResetRequiredError: a new password must be set first.
        """
        return self._authenticate(username, password, SIGN_IN_ERRORS)

    def _authenticate(self, username: str, password: str, overrides: Translation) -> Tokens:
        with translate_errors(overrides):
            response = self._client.admin_initiate_auth(
                UserPoolId=self._pool_id,
                ClientId=self._client_id,
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={
                    "USERNAME": username,
                    "PASSWORD": password,
                    "SECRET_HASH": self._secret_hash(username),
                },
            )
        result = response.get("AuthenticationResult")
        if not result:
            # A challenge. Without a second factor the only one is to choose the first password.
            raise PasswordResetRequiredError
        return _tokens(result)

    def refresh(self, refresh_token: str) -> Tokens:
        """Refresh a session's tokens. The refresh token is invalidated if the pool rotates tokens.

        Raises:
            InvalidRefreshTokenError: the token is invalid, expired or revoked.
            RefreshTokenReusedError: the token was already used, and its grace period is over.
        """
        with translate_errors(REFRESH_ERRORS):
            response = self._client.get_tokens_from_refresh_token(
                RefreshToken=refresh_token, ClientId=self._client_id, ClientSecret=self._secret
            )
        return _tokens(response["AuthenticationResult"], refresh_token)

    def revoke(self, refresh_token: str) -> None:
        """Revoke a session's refresh tokens at Cognito, and its access tokens where Cognito checks them.

        Raises:
            InvalidRefreshTokenError: Cognito rejected the token.
        """
        with translate_errors(REFRESH_ERRORS):
            self._client.revoke_token(Token=refresh_token, ClientId=self._client_id, ClientSecret=self._secret)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End all sessions of a user at Cognito.

        Raises:
            UserNotFoundError: the pool has no such user.
        """
        with translate_errors():
            self._client.admin_user_global_sign_out(UserPoolId=self._pool_id, Username=user_id)

    def get(self, username: str) -> PoolUser:
        """Return a user.

        Raises:
            UserNotFoundError: the pool has no such user.
        """
        with translate_errors():
            response = self._client.admin_get_user(UserPoolId=self._pool_id, Username=username)
        attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in response["UserAttributes"]}
        return PoolUser(
            user_id=attributes["sub"],
            email=attributes["email"].lower(),
            created_at=response["UserCreateDate"],
            enabled=response.get("Enabled", True),
            confirmed=response.get("UserStatus") != "UNCONFIRMED",
        )

    def exists(self, user_id: str) -> bool:
        """Return whether the pool has the user. An error is never the answer that it does not.

        Raises:
            UserPoolBusyError, UserPoolUnreachableError: Cognito did not answer.
        """
        try:
            with translate_errors():
                self._client.admin_get_user(UserPoolId=self._pool_id, Username=user_id)
        except UserNotFoundError:
            return False
        return True

    def disable(self, user_id: str) -> None:
        """Disable sign-in for a user. Idempotent; does nothing if the user does not exist."""
        try:
            with translate_errors():
                self._client.admin_disable_user(UserPoolId=self._pool_id, Username=user_id)
        except UserNotFoundError:
            return

    def enable(self, user_id: str) -> None:
        """Enable sign-in for a user. Idempotent.

        Raises:
            UserNotFoundError: the pool has no such user.
        """
        with translate_errors():
            self._client.admin_enable_user(UserPoolId=self._pool_id, Username=user_id)

    def delete(self, user_id: str) -> None:
        """Delete a user. Idempotent."""
        try:
            with translate_errors():
                self._client.admin_delete_user(UserPoolId=self._pool_id, Username=user_id)
        except UserNotFoundError:
            return

    def confirm(self, email: str, code: str) -> None:
        """Confirm a new user with the code that was sent to them.

        Raises:
            InvalidOrExpiredCodeError: the code is wrong or has expired.
            TooManyAttemptsError: Cognito's limit is reached.
        """
        with translate_errors(CODE_ERRORS):
            self._client.confirm_sign_up(
                ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email, ConfirmationCode=code
            )

    def resend_confirmation(self, email: str) -> None:
        """Send another code to an unconfirmed user.

        Raises:
            UserNotFoundError: the pool has no user who could receive a code.
            TooManyAttemptsError: Cognito's limit is reached.
            CodeDeliveryError: the e-mail could not be sent.
        """
        with translate_errors(CODE_REQUEST_ERRORS):
            self._client.resend_confirmation_code(
                ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email
            )

    def forgot_password(self, email: str) -> None:
        """Send a code to reset the password.

        Raises:
            UserNotFoundError: the pool has no user who could receive a code.
            TooManyAttemptsError: Cognito's limit is reached.
            CodeDeliveryError: the e-mail could not be sent.
        """
        with translate_errors(CODE_REQUEST_ERRORS):
            self._client.forgot_password(ClientId=self._client_id, SecretHash=self._secret_hash(email), Username=email)

    def reset_password(self, email: str, code: str, password: str) -> None:
        """Set a new password with the code that was sent for it.

        Raises:
            InvalidOrExpiredCodeError: the code is wrong or has expired.
            WeakPasswordError: the password does not satisfy the pool's policy.
            TooManyAttemptsError: Cognito's limit is reached.
        """
        with translate_errors(CODE_ERRORS):
            self._client.confirm_forgot_password(
                ClientId=self._client_id,
                SecretHash=self._secret_hash(email),
                Username=email,
                ConfirmationCode=code,
                Password=password,
            )

    def seal(self, text: str) -> str:
        """Return the HMAC-SHA256 of a text, keyed with the client's secret, as 43 URL-safe characters."""
        digest = hmac.digest(self._secret.encode(), f"seal:{text}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def mailbox(self, email: str) -> str:
        """Return what stands for an e-mail address once its account is erased.

        A plain digest could be reversed by hashing known addresses; this one only by who may read the client's secret.
        """
        return self.seal(f"mailbox:{email.lower()}")

    def check_password(self, user_id: str, password: str) -> None:
        """Require that the password is the user's. Cognito locks the user out for a while after repeated failures.

        The check is a sign-in whose session is revoked at once; its tokens do not leave this method.

        Raises:
            WrongPasswordError: the password is wrong.
            UnauthenticatedError: the user was deleted.
            PasswordResetRequiredError: a new password must be set first.
        """
        self.revoke(self._authenticate(user_id, password, PASSWORD_CHECK_ERRORS).refresh_token)

    def set_password(self, user_id: str, password: str) -> None:
        """Set a new password. The caller has authorized the change.

        An unconfirmed user would become confirmed.

        Raises:
            WeakPasswordError: the password does not satisfy the pool's policy.
            UnauthenticatedError: the user was deleted.
        """
        with translate_errors(PASSWORD_CHECK_ERRORS):
            self._client.admin_set_user_password(
                UserPoolId=self._pool_id, Username=user_id, Password=password, Permanent=True
            )

    @cached_property
    def _client(self) -> "CognitoIdentityProviderClient":
        return self._injected_client or boto3.client("cognito-idp", config=_CLIENT_CONFIG)

    @cached_property
    def _secret(self) -> str:
        with translate_errors():
            response = self._client.describe_user_pool_client(UserPoolId=self._pool_id, ClientId=self._client_id)
        return response["UserPoolClient"]["ClientSecret"]

    def _secret_hash(self, username: str) -> str:
        """Return Base64 of HMAC-SHA256, keyed with the client's secret, of the username as passed and the client id."""
        digest = hmac.digest(self._secret.encode(), (username + self._client_id).encode(), hashlib.sha256)
        return base64.b64encode(digest).decode()


def _tokens(result: "AuthenticationResultTypeTypeDef", previous: str = "") -> Tokens:
    """Read the tokens. Without rotation a refresh returns no refresh token: the previous one stays valid."""
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
