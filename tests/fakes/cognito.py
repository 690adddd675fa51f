"""An in-memory user pool, as strict as Cognito.

It has the methods of boto3's client that the product calls, validates every call against botocore's model, and raises
real ``ClientError``. The pool is the one of template.yaml: e-mail addresses as user names, a client with a secret, only
``ADMIN_USER_PASSWORD_AUTH``, rotation of refresh tokens. Where Cognito may behave in two ways, it takes the one that is
harder for the product: limits apply to known users only.
"""

# ruff: noqa: N803 - the parameters have the names that boto3 gives them

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from tests.fakes.cognito_operations import Pool, operation
from tests.fakes.cognito_state import GRACE_SECONDS, POOL_ID, PRETENDED_DELIVERY, Code, Session, User, refused
from tests.fakes.cognito_tokens import PRE_TOKEN_GENERATION, Trigger, scope_of
from tests.fakes.token_issuer import ACCESS_TOKEN_SECONDS, COGNITO_SCOPE, TokenIssuer, opaque_token

CLIENT_ID = "1example23456789"
CLIENT_SECRET = "9example87654321abcdefghijk"
ISSUER = f"https://cognito-idp.eu-central-1.amazonaws.com/{POOL_ID}"
REFRESH_SECONDS = 365 * 24 * 3600
CONFIRMATION_CODE_SECONDS = 24 * 3600
RESET_CODE_SECONDS = 3600
CODE_ATTEMPTS = 5
PASSWORD_ATTEMPTS = 5


class FakeCognito(Pool):
    """One user pool with one app client."""

    def __init__(
        self,
        pre_sign_up: Trigger | None = None,
        *,
        pre_token_generation: Trigger | None = PRE_TOKEN_GENERATION,
        clock: Callable[[], float] = time.time,
        rotation: bool = True,
        grace_seconds: float = GRACE_SECONDS,
        flows: Iterable[str] = ("ALLOW_ADMIN_USER_PASSWORD_AUTH",),
        hides_users: bool = True,
    ) -> None:
        super().__init__()
        self.issuer = TokenIssuer(ISSUER, CLIENT_ID)
        self.users: dict[str, User] = {}
        self.sessions: list[Session] = []
        self.outbox: list[tuple[str, str]] = []
        self._pre_sign_up = pre_sign_up
        self._pre_token_generation = pre_token_generation
        self._clock = clock
        self._rotation = rotation
        self._grace_seconds = grace_seconds
        self._flows = frozenset(flows)
        self._hides_users = hides_users

    def user(self, email: str) -> User:
        """Return the user with this address."""
        return next(user for user in self.users.values() if user.email == email)

    def add_user(self, email: str, password: str) -> User:
        """Add a confirmed user, as created by an administrator."""
        user = User(email, password, self._clock(), confirmed=True, verified=True)
        self.users[user.sub] = user
        return user

    def tokens_of(self, user: User) -> dict[str, Any]:
        """Start a session."""
        session = Session(user, self._clock())
        self.sessions.append(session)
        return self._tokens(session, new_refresh_token=True)

    # ------------------------------------------------------------ operations

    @operation
    def describe_user_pool_client(self, *, UserPoolId: str, ClientId: str) -> dict[str, Any]:
        self._check_pool(UserPoolId, ClientId)
        return {"UserPoolClient": {"UserPoolId": POOL_ID, "ClientId": CLIENT_ID, "ClientSecret": CLIENT_SECRET}}

    @operation
    def sign_up(
        self, *, ClientId: str, SecretHash: str, Username: str, Password: str, UserAttributes: list[dict[str, str]]
    ) -> dict[str, Any]:
        self._check_hash(ClientId, SecretHash, Username)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", Username) or len(Username) > 128:
            raise refused("InvalidParameterException")
        attributes = {attribute["Name"]: attribute["Value"] for attribute in UserAttributes}
        assert attributes == {"email": Username}
        if self._find(Username):
            raise refused("UsernameExistsException")
        self.check_policy(Password)
        user = User(Username, Password, self._clock())
        self._ask_trigger(user)
        self.users[user.sub] = user
        if not user.confirmed:
            user.confirmation = self._send_code(user)
        return {"UserSub": user.sub, "UserConfirmed": user.confirmed}

    @operation
    def admin_initiate_auth(
        self, *, UserPoolId: str, ClientId: str, AuthFlow: str, AuthParameters: dict[str, str]
    ) -> dict[str, Any]:
        self._check_pool(UserPoolId, ClientId)
        if f"ALLOW_{AuthFlow}" not in self._flows:
            raise refused("InvalidParameterException", "Auth flow not enabled for this client")
        self._check_hash(ClientId, AuthParameters.get("SECRET_HASH", ""), AuthParameters["USERNAME"])
        user = self._find(AuthParameters["USERNAME"])
        if user is None:
            raise refused("NotAuthorizedException" if self._hides_users else "UserNotFoundException")
        # Before the password, as Cognito's developers confirm: aws-amplify/amplify-js issue 11209, aws/aws-sdk-js 4608.
        if not user.confirmed:
            raise refused("UserNotConfirmedException")
        self.check_password(user, AuthParameters["PASSWORD"])
        if not user.enabled:
            raise refused("NotAuthorizedException", "User is disabled.")
        if user.must_reset:
            raise refused("PasswordResetRequiredException")
        return {"AuthenticationResult": self.tokens_of(user), "ChallengeParameters": {}}

    @operation
    def get_tokens_from_refresh_token(self, *, RefreshToken: str, ClientId: str, ClientSecret: str) -> dict[str, Any]:
        self._check_secret(ClientId, ClientSecret)
        session = self._session_of(RefreshToken)
        if session is None or session.revoked or not session.user.enabled or session.user.sub not in self.users:
            raise refused("NotAuthorizedException", "Invalid Refresh Token")
        if self._clock() >= session.signed_in_at + REFRESH_SECONDS:
            raise refused("NotAuthorizedException", "Refresh Token has expired")
        rotated_at = session.tokens[RefreshToken]
        if rotated_at is not None and self._clock() > rotated_at + self._grace_seconds:
            raise refused("RefreshTokenReuseException")
        if self._rotation and rotated_at is None:
            session.tokens[RefreshToken] = self._clock()
        return {"AuthenticationResult": self._tokens(session, new_refresh_token=self._rotation)}

    @operation
    def revoke_token(self, *, Token: str, ClientId: str, ClientSecret: str) -> dict[str, Any]:
        self._check_secret(ClientId, ClientSecret)
        if self.issuer.read(Token):
            raise refused("UnsupportedTokenTypeException")
        if session := self._session_of(Token):
            session.revoked = True
        return {}

    @operation
    def admin_user_global_sign_out(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:
        user = self._known(UserPoolId, Username)
        for session in self.sessions:
            session.revoked = session.revoked or session.user is user
        return {}

    @operation
    def admin_get_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:
        user = self._known(UserPoolId, Username)
        attributes = {"sub": user.sub, "email": user.email, "email_verified": str(user.verified).lower()}
        return {
            "Username": user.sub,
            "UserAttributes": [{"Name": name, "Value": value} for name, value in attributes.items()],
            "UserCreateDate": datetime.fromtimestamp(user.created_at, UTC),
            "Enabled": user.enabled,
            "UserStatus": "CONFIRMED" if user.confirmed else "UNCONFIRMED",
        }

    @operation
    def admin_delete_user(self, *, UserPoolId: str, Username: str) -> None:
        del self.users[self._known(UserPoolId, Username).sub]

    @operation
    def confirm_sign_up(
        self, *, ClientId: str, SecretHash: str, Username: str, ConfirmationCode: str
    ) -> dict[str, Any]:
        self._check_hash(ClientId, SecretHash, Username)
        user = self._find_or_hide(Username, "CodeMismatchException")
        if user.confirmed:
            raise refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
        self._check_code(user.confirmation, ConfirmationCode, CONFIRMATION_CODE_SECONDS)
        user.confirmed = user.verified = True
        user.confirmation = None
        return {}

    @operation
    def admin_disable_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:
        self._known(UserPoolId, Username).enabled = False
        return {}

    @operation
    def admin_enable_user(self, *, UserPoolId: str, Username: str) -> dict[str, Any]:
        self._known(UserPoolId, Username).enabled = True
        return {}

    @operation
    def resend_confirmation_code(self, *, ClientId: str, SecretHash: str, Username: str) -> dict[str, Any]:
        self._check_hash(ClientId, SecretHash, Username)
        user = self._find(Username)
        if user is None:
            return dict(PRETENDED_DELIVERY)
        if user.confirmed:
            raise refused("InvalidParameterException", "User is already confirmed.")
        user.confirmation = self._send_code(user)
        return dict(PRETENDED_DELIVERY)

    @operation
    def forgot_password(self, *, ClientId: str, SecretHash: str, Username: str) -> dict[str, Any]:
        self._check_hash(ClientId, SecretHash, Username)
        user = self._find(Username)
        if user is None:
            return dict(PRETENDED_DELIVERY)
        if not user.enabled:
            raise refused("NotAuthorizedException", "User is disabled.")
        if not user.verified:
            raise refused("InvalidParameterException", "there is no registered/verified email or phone_number")
        user.reset = self._send_code(user)
        return dict(PRETENDED_DELIVERY)

    @operation
    def confirm_forgot_password(
        self, *, ClientId: str, SecretHash: str, Username: str, ConfirmationCode: str, Password: str
    ) -> dict[str, Any]:
        self._check_hash(ClientId, SecretHash, Username)
        user = self._find_or_hide(Username, "CodeMismatchException")
        self._check_code(user.reset, ConfirmationCode, RESET_CODE_SECONDS)
        self.check_policy(Password)
        user.password, user.reset, user.must_reset, user.confirmed = Password, None, False, True
        user.failures, user.locked_until = 0, 0
        return {}

    @operation
    def admin_set_user_password(self, *, UserPoolId: str, Username: str, Password: str, Permanent: bool) -> None:
        user = self._known(UserPoolId, Username)
        self.check_policy(Password)
        user.password, user.must_reset, user.confirmed = Password, not Permanent, True

    # ------------------------------------------------------------ rules

    def _check_pool(self, pool_id: str, client_id: str) -> None:
        if (pool_id, client_id) != (POOL_ID, CLIENT_ID):
            raise refused("ResourceNotFoundException")

    def _check_secret(self, client_id: str, secret: str) -> None:
        self._check_pool(POOL_ID, client_id)
        if not hmac.compare_digest(secret, CLIENT_SECRET):
            raise refused("NotAuthorizedException", "Unable to verify secret hash for client")

    def _check_hash(self, client_id: str, given: str, username: str) -> None:
        self._check_pool(POOL_ID, client_id)
        digest = hmac.digest(CLIENT_SECRET.encode(), (username + client_id).encode(), hashlib.sha256)
        if not hmac.compare_digest(given, base64.b64encode(digest).decode()):
            raise refused("NotAuthorizedException", "Unable to verify secret hash for client")

    @staticmethod
    def check_policy(password: str) -> None:
        if len(password) > 256 or not re.fullmatch(r"\S+", password):
            raise refused("InvalidParameterException")
        if len(password) < 8 or not re.search("[A-Z]", password) or not re.search("[0-9]", password):
            raise refused("InvalidPasswordException")

    def check_password(self, user: User, password: str) -> None:
        """Lock the user after five failures: for a second, then two, and so on up to 15 minutes."""
        if self._clock() < user.locked_until:
            raise refused("NotAuthorizedException", "Password attempts exceeded")
        if password != user.password:
            user.failures += 1
            if user.failures >= PASSWORD_ATTEMPTS:
                user.locked_until = self._clock() + min(900, 2 ** (user.failures - PASSWORD_ATTEMPTS))
            raise refused("NotAuthorizedException", "Incorrect username or password.")
        user.failures = 0

    def _check_code(self, code: Code | None, given: str, lifetime: float) -> None:
        if code is None or self._clock() >= code.sent_at + lifetime:
            raise refused("ExpiredCodeException")
        if code.failures >= CODE_ATTEMPTS:
            raise refused("TooManyFailedAttemptsException")
        if given != code.text:
            code.failures += 1
            raise refused("CodeMismatchException")

    def _send_code(self, user: User) -> Code:
        user.codes_sent += 1
        if user.codes_sent > CODE_ATTEMPTS:
            raise refused("LimitExceededException")
        code = Code(f"{secrets.randbelow(10**6):06d}", self._clock())
        self.outbox.append((user.email, code.text))
        return code

    def _find(self, username: str) -> User | None:
        return next((user for user in self.users.values() if username.lower() in (user.sub, user.email.lower())), None)

    def _find_or_hide(self, username: str, hiding: str) -> User:
        user = self._find(username)
        if user is None:
            raise refused(hiding if self._hides_users else "UserNotFoundException")
        return user

    def _known(self, pool_id: str, username: str) -> User:
        """Return the user, or raise ``UserNotFoundException``: administrators' operations do not hide users."""
        self._check_pool(pool_id, CLIENT_ID)
        if user := self._find(username):
            return user
        raise refused("UserNotFoundException")

    def _ask_trigger(self, user: User) -> None:
        if self._pre_sign_up is None:
            return
        event = {
            "version": "1",
            "region": "eu-central-1",
            "userPoolId": POOL_ID,
            "userName": user.sub,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": CLIENT_ID},
            "triggerSource": "PreSignUp_SignUp",
            "request": {"userAttributes": {"email": user.email}, "validationData": None},
            "response": {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False},
        }
        try:
            answer = json.loads(json.dumps(self._pre_sign_up(event, None)))
        except Exception as error:
            raise refused("UserLambdaValidationException", f"PreSignUp failed with error {error}.") from error
        if not isinstance(answer, dict) or "response" not in answer:
            raise refused("InvalidLambdaResponseException")
        user.confirmed = answer["response"]["autoConfirmUser"]
        user.verified = answer["response"]["autoVerifyEmail"]

    def _session_of(self, refresh_token: str) -> Session | None:
        return next((session for session in self.sessions if refresh_token in session.tokens), None)

    def user_of_access_token(self, access_token: str) -> User:
        claims = self.issuer.read(access_token) or {}
        session = next((one for one in self.sessions if one.origin_jti == claims.get("origin_jti")), None)
        good = session and not session.revoked and claims["token_use"] == "access" and self._clock() < claims["exp"]
        if session is None or not good:
            raise refused("NotAuthorizedException", "Invalid Access Token")
        if COGNITO_SCOPE not in claims["scope"].split():
            raise refused("NotAuthorizedException", "Access Token does not have required scopes")
        return session.user

    def _tokens(self, session: Session, *, new_refresh_token: bool) -> dict[str, Any]:
        now = self._clock()
        user = session.user
        claims = self.issuer.access_claims(user.sub, session.origin_jti, now, session.signed_in_at)
        result: dict[str, Any] = {
            "AccessToken": self.issuer.sign(claims | {"scope": scope_of(user, self._pre_token_generation)}),
            "IdToken": self.issuer.sign(self.issuer.id_claims(user.sub, session.origin_jti, now, user.email)),
            "ExpiresIn": ACCESS_TOKEN_SECONDS,
            "TokenType": "Bearer",
        }
        if new_refresh_token:
            result["RefreshToken"] = opaque_token()
            session.tokens[result["RefreshToken"]] = None
        return result
