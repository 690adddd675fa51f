"""Accounts: registration, sign-in and sign-out, passwords and the profile.

A registration spans two systems. It reserves the username, then creates the user, then the profile. A failure in
between is rolled back; after a crash, the reservation expires and the next attempt resumes the registration.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import cache
from typing import Self

from dreamvision.auth.breached_passwords import BreachedPasswordSettings, NewPasswordRules
from dreamvision.auth.cognito import CognitoSettings, NewUser, Tokens, UserPool
from dreamvision.auth.errors import (
    EmailNotConfirmedError,
    InvalidCredentialsError,
    InvalidOrExpiredCodeError,
    InvalidRefreshTokenError,
    PasswordResetRequiredError,
    RefreshTokenReusedError,
    UserAlreadyExistsError,
    UserNotFoundError,
)
from dreamvision.auth.passwords import PasswordCheck
from dreamvision.auth.profiles import AccountProfiles
from dreamvision.auth.refresh_tokens import RefreshToken, opened
from dreamvision.auth.registrations import RegistrationLock, RegistrationRunningError
from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.clock import utc_now
from dreamvision.core.metrics import Metric, count
from dreamvision.database.client import Database
from dreamvision.database.transactions import ContentionError
from dreamvision.devices.repository import DeviceRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision.schemas.users import AccountUser, ConfirmationRequired, TokenResponse, UserProfile
from dreamvision.users.repository import ProfileRepository
from dreamvision.users.usernames import RESERVATION_LIFETIME, ProfileExistsError, Usernames


class AccountService:
    """Manages accounts, sessions and passwords."""

    def __init__(
        self,
        pool: UserPool,
        profiles: AccountProfiles,
        usernames: Usernames,
        sessions: Sessions,
        limits: RateLimits,
        registrations: RegistrationLock,
        rules: NewPasswordRules,
        devices: DeviceRepository,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._pool = pool
        self._profiles = profiles
        self._usernames = usernames
        self._sessions = sessions
        self._limits = limits
        self._registrations = registrations
        self._rules = rules
        self._devices = devices
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        database = Database.shared()
        pool = UserPool(CognitoSettings.from_environment())
        usernames = Usernames(database)
        return cls(
            pool,
            AccountProfiles(pool, ProfileRepository(database), usernames, DailyCounts(database)),
            usernames,
            Sessions(database),
            RateLimits.shared(pool.seal),
            RegistrationLock(database),
            NewPasswordRules(BreachedPasswordSettings.from_environment()),
            DeviceRepository(database),
        )

    @property
    def limits(self) -> RateLimits:
        """The limits that count by address, e-mail address and session as well."""
        return self._limits

    # ------------------------------------------------------------ registration

    def register(
        self, email: str, password: str, username: str, address: str = ""
    ) -> TokenResponse | ConfirmationRequired:
        """Create an account and sign in, unless the e-mail address must be confirmed first.

        ``address``: the client's IP address; registrations from an unknown one count together. A failed registration is
        rolled back. Errors of the user pool's sign-up propagate. A user of the e-mail address who was never confirmed
        is replaced, so that nobody can occupy the address of somebody else, or have that person confirm a password that
        is not theirs.

        Raises:
            BreachedPasswordError: the password is known from data breaches.
            TooManyRegistrationsError: the address or its network has created too many accounts today.
            UsernameTakenError: another user has the username or has reserved it.
            UserAlreadyExistsError: the e-mail address already has an account.
            WeakPasswordError: the password does not satisfy the pool's policy.
        """
        self._rules.require(password)
        try:
            with self._registrations.hold(self._pool.seal(email)):
                self._discard_unconfirmed(email)
                return self._register(email, password, username, address)
        except RegistrationRunningError:
            raise UserAlreadyExistsError from None

    def _register(self, email: str, password: str, username: str, address: str) -> TokenResponse | ConfirmationRequired:
        with ExitStack() as rollback:
            reservation = self._usernames.reserve(username, self._now())
            rollback.callback(self._usernames.release, reservation)
            self._limits.count_registration(address)
            user = self._create_user(email, password, rollback)
            try:
                self._profiles.create(user.user_id, email, reservation)
            except ProfileExistsError:
                # The user signed in meanwhile and was given a username: do not roll back the account.
                rollback.pop_all()
                self._usernames.release(reservation)
                raise UserAlreadyExistsError from None
            if user.confirmed:
                result: TokenResponse | ConfirmationRequired = self.sign_in(email, password)
            else:
                result = ConfirmationRequired(user=AccountUser(id=user.user_id, email=email, username=username))
            rollback.pop_all()
            return result

    def _discard_unconfirmed(self, email: str) -> None:
        try:
            user = self._pool.get(email)
        except UserNotFoundError:
            return
        if not user.confirmed:
            self._delete(user.user_id)

    def _delete(self, user_id: str) -> None:
        self._usernames.delete_profile(user_id)
        self._pool.delete(user_id)

    def _create_user(self, email: str, password: str, rollback: ExitStack) -> NewUser:
        try:
            user = self._pool.sign_up(email, password)
        except UserAlreadyExistsError:
            return self._resume_registration(email, password)
        rollback.callback(self._pool.delete, user.user_id)
        rollback.callback(self._usernames.delete_profile, user.user_id)
        return user

    def _resume_registration(self, email: str, password: str) -> NewUser:
        """Return the user of a registration interrupted before it created the profile. Requires the user's password.

        Raises:
            UserAlreadyExistsError: there is no such registration, or it may still be running.
        """
        try:
            user_id = self._pool.sign_in(email, password).user_id
        except (InvalidCredentialsError, EmailNotConfirmedError, PasswordResetRequiredError):
            raise UserAlreadyExistsError from None
        if self._profiles.is_complete(user_id):
            raise UserAlreadyExistsError
        if self._pool.get(user_id).created_at + RESERVATION_LIFETIME > self._now():
            raise UserAlreadyExistsError
        return NewUser(user_id, confirmed=True)

    # ------------------------------------------------------------ sessions

    def sign_in(self, email: str, password: str) -> TokenResponse:
        """Start a session.

        Raises:
            InvalidCredentialsError: the user does not exist, or the password is wrong.
            EmailNotConfirmedError: the e-mail address is not confirmed.
            PasswordResetRequiredError: a new password must be set first.
        """
        try:
            tokens = self._pool.sign_in(email, password)
        except InvalidCredentialsError:
            count(Metric.SIGN_INS_FAILED)
            raise
        return self._start_session(tokens)

    def session_of(self, refresh_token: str) -> str:
        """Return the session id of a refresh token. It is authentic: the token's seal covers it.

        Raises:
            InvalidRefreshTokenError: the token is not ours.
        """
        return opened(refresh_token, self._pool.seal).session_id

    def refresh(self, refresh_token: str) -> TokenResponse:
        """Return new tokens for the session.

        A used token is valid for another 60 s (``RetryGracePeriodSeconds`` in template.yaml), for clients that lost the
        response. After that Cognito reports a reuse, and the token is treated as stolen: the user is signed out
        everywhere.

        Raises:
            InvalidRefreshTokenError: the token is not ours, already used or revoked, or its session has ended: by a
                sign-out, or after seven days without a refresh.
        """
        current = opened(refresh_token, self._pool.seal)
        if current.is_idle(self._now().timestamp()):
            raise InvalidRefreshTokenError
        try:
            self._sessions.require_active(current.user_id, current.session_id, current.signed_in_at)
        except UnauthenticatedError:
            self._pool.revoke(current.token)
            raise InvalidRefreshTokenError from None
        try:
            tokens = self._pool.refresh(current.token)
        except RefreshTokenReusedError:
            self.sign_out_everywhere(current.user_id)
            raise
        refreshed_at = int(self._now().timestamp())
        return self._token_response(tokens, current._replace(refreshed_at=refreshed_at, token=tokens.refresh_token))

    def sign_out(self, user_id: str, session_id: str, refresh_token: str | None = None) -> None:
        """End one session, with immediate effect, and remove its devices; at Cognito as well with its refresh token.

        A refresh token that is not of this session is ignored: a sign-out must not fail.
        """
        try:
            if refresh_token is not None:
                self._revoke(user_id, session_id, refresh_token)
        except InvalidRefreshTokenError:
            pass
        finally:
            self._sessions.revoke(user_id, session_id)
        # What is left of an ended session receives no notifications either (notifications/sender.py).
        with suppress(ContentionError):
            self._devices.remove_session(user_id, session_id)

    def _revoke(self, user_id: str, session_id: str, refresh_token: str) -> None:
        ended = opened(refresh_token, self._pool.seal)
        if (ended.user_id, ended.session_id) == (user_id, session_id):
            self._pool.revoke(ended.token)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End all sessions of a user, with immediate effect, and remove all devices."""
        try:
            self._pool.sign_out_everywhere(user_id)
        except UserNotFoundError:
            pass  # deleted in the console: the tokens already issued must still be revoked
        finally:
            # Last, so that tokens refreshed in the meantime are revoked as well.
            self._sessions.revoke_all(user_id)
        with suppress(ContentionError):
            self._devices.remove_all(user_id)

    def _start_session(self, tokens: Tokens) -> TokenResponse:
        self._sessions.start(tokens.user_id, tokens.session_id, tokens.signed_in_at)
        return self._token_response(tokens, RefreshToken.of(tokens, int(self._now().timestamp())))

    def _token_response(self, tokens: Tokens, refresh_token: RefreshToken) -> TokenResponse:
        profile = self.profile(tokens.user_id)
        return TokenResponse(
            access_token=tokens.access_token,
            refresh_token=refresh_token.sealed(self._pool.seal),
            expires_in=tokens.expires_in,
            user=AccountUser(id=profile.id, email=profile.email, username=profile.username),
        )

    # ------------------------------------------------------------ codes and passwords

    def confirm(self, email: str, code: str, address: str, password: str | None = None) -> None:
        """Confirm the e-mail address of a new account, from a client's IP address.

        Who has the code has the mailbox, and decides on the password: with ``password``, the account has this one from
        now on, whoever registered the address last. Cognito cannot tell before whether the account has it already: it
        does not check the passwords of unconfirmed users.

        Raises:
            InvalidOrExpiredCodeError: the code is wrong or has expired.
            BreachedPasswordError: the password is known from data breaches.
            WeakPasswordError: the password does not satisfy the pool's policy. The account is deleted.
            TooManyAttemptsError: too many attempts for this e-mail address.
            ContentionError: the address is being registered.
        """
        if password is not None:
            self._rules.require(password)
        self._limits.count_attempt(Scope.CONFIRM, email, address)
        try:
            with self._registrations.hold(self._pool.seal(email)):
                if password is None:
                    self._pool.confirm(email, code)
                else:
                    self._confirm_as_owner(email, code, password)
        except RegistrationRunningError:
            raise ContentionError from None

    def _confirm_as_owner(self, email: str, code: str, password: str) -> None:
        try:
            user = self._pool.get(email)
        except UserNotFoundError:
            raise InvalidOrExpiredCodeError from None
        if user.confirmed:
            raise InvalidOrExpiredCodeError
        self._pool.confirm(email, code)
        with ExitStack() as rollback:
            # Better no account than one with another's password. Sessions that it has started meanwhile end anyway.
            rollback.callback(self._sessions.revoke_all, user.user_id)
            rollback.callback(self._delete, user.user_id)
            self._pool.set_password(user.user_id, password)
            rollback.pop_all()
        self.sign_out_everywhere(user.user_id)

    def resend_confirmation(self, email: str) -> None:
        """Send another confirmation code, if the account exists and is unconfirmed.

        Raises:
            TooManyAttemptsError: too many codes requested for this address.
            CodeDeliveryError: the e-mail could not be sent.
        """
        self._limits.count_code(Scope.RESEND, email)
        try:
            self._pool.resend_confirmation(email)
        except UserNotFoundError:
            return  # the response must not reveal whether the account exists

    def forgot_password(self, email: str) -> None:
        """Send a code to reset the password, if the account exists.

        Raises:
            TooManyAttemptsError: too many codes requested for this address.
            CodeDeliveryError: the e-mail could not be sent.
        """
        self._limits.count_code(Scope.FORGOT, email)
        try:
            self._pool.forgot_password(email)
        except UserNotFoundError:
            return  # the response must not reveal whether the account exists

    def reset_password(self, email: str, code: str, password: str, address: str) -> None:
        """Set a new password with a code and end every session, in case the old password was known to others.

        Raises:
            BreachedPasswordError: the password is known from data breaches.
            InvalidOrExpiredCodeError: the code is wrong or has expired.
            WeakPasswordError: the password does not satisfy the pool's policy.
            TooManyAttemptsError: too many attempts for this address.
        """
        self._rules.require(password)
        self._limits.count_attempt(Scope.RESET, email, address)
        self._pool.reset_password(email, code, password)
        self.sign_out_everywhere(self._pool.get(email).user_id)

    def change_password(self, user_id: str, current: str, new: str) -> TokenResponse:
        """Set a new password, end every session including this one, and start a new one.

        Raises:
            BreachedPasswordError: the new password is known from data breaches.
            WrongPasswordError: the current password is wrong.
            WeakPasswordError: the new password does not satisfy the pool's policy.
            TooManyAttemptsError: too many attempts of this user.
        """
        self._rules.require(new)
        PasswordCheck(self._pool, self._limits).require(user_id, current)
        self._pool.set_password(user_id, new)
        self.sign_out_everywhere(user_id)
        return self._start_session(self._pool.sign_in(user_id, new))

    # ------------------------------------------------------------ profile

    def profile(self, user_id: str) -> UserProfile:
        """Return the user's profile, completing it first if necessary.

        Raises:
            UnauthenticatedError: the user was deleted from the pool.
        """
        return self._profiles.get(user_id)

    def rename(self, user_id: str, username: str) -> UserProfile:
        """Change the username.

        Raises:
            UsernameTakenError: another user has the username or has reserved it.
        """
        return self._profiles.rename(user_id, username)
