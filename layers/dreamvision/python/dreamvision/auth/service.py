"""Accounts: registering, signing in and out, passwords, the profile.

A registration spans two systems. The name is reserved first, then the user is made, then the profile; whatever fails
in between is undone, and what a crash leaves behind lapses or is taken up by the next try.
"""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from typing import NamedTuple, Self

from dreamvision.auth.cognito import CognitoSettings, NewUser, Tokens, UserPool
from dreamvision.auth.errors import (
    EmailNotConfirmedError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    PasswordResetRequiredError,
    RefreshTokenReusedError,
    UserAlreadyExistsError,
    UserNotFoundError,
)
from dreamvision.auth.sessions import Sessions
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision.schemas.users import AccountUser, ConfirmationRequired, TokenResponse, UserProfile
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.users.usernames import RESERVATION_LIFETIME, ProfileExistsError, Usernames, UsernameTakenError

_NAMING_TRIES = 5


class ProfileIncompleteError(DreamVisionError):
    """No name was found for a profile that had none."""

    default_message = "The profile could not be completed."


class SessionEnvelope(NamedTuple):
    """What our refresh tokens say beside Cognito's own, which is opaque: whose session it is, and since when."""

    user_id: str
    session_id: str
    signed_in_at: str

    def purpose(self, token: str) -> str:
        return ".".join([*self, token])


class AccountService:
    """Everything about the users of the app."""

    def __init__(
        self,
        pool: UserPool,
        profiles: ProfileRepository,
        usernames: Usernames,
        sessions: Sessions,
        limits: RateLimits,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._pool = pool
        self._profiles = profiles
        self._usernames = usernames
        self._sessions = sessions
        self._limits = limits
        self._now = now

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        database = Database.shared()
        pool = UserPool(CognitoSettings.from_environment())
        return cls(pool, ProfileRepository(database), Usernames(database), Sessions(database), RateLimits.shared())

    # ------------------------------------------------------------ registering

    def register(self, email: str, password: str, username: str) -> TokenResponse | ConfirmationRequired:
        """A new account, signed in at once unless its e-mail address is to be confirmed first.

        Nothing is left behind when it fails.

        Raises:
            UsernameTakenError, UserAlreadyExistsError, WeakPasswordError, and what the user pool raises.
        """
        with ExitStack() as undo:
            reservation = self._usernames.reserve(username, self._now())
            undo.callback(self._usernames.release, reservation)
            user = self._new_user(email, password, undo)
            try:
                self._usernames.assign(user.user_id, email, reservation, self._now())
            except ProfileExistsError:
                # The user signed in meanwhile and has been given a name: the account is not ours to undo.
                undo.pop_all()
                self._usernames.release(reservation)
                raise UserAlreadyExistsError from None
            if user.confirmed:
                answer: TokenResponse | ConfirmationRequired = self.sign_in(email, password)
            else:
                answer = ConfirmationRequired(user=AccountUser(id=user.user_id, email=email, username=username))
            undo.pop_all()
            return answer

    def _new_user(self, email: str, password: str, undo: ExitStack) -> NewUser:
        try:
            user = self._pool.sign_up(email, password)
        except UserAlreadyExistsError:
            return self._left_behind(email, password)
        undo.callback(self._pool.delete, user.user_id)
        undo.callback(self._usernames.delete_profile, user.user_id)
        return user

    def _left_behind(self, email: str, password: str) -> NewUser:
        """The user of a registration that broke off before it made a profile; whoever knows the password takes it up.

        Raises:
            UserAlreadyExistsError: it is no such user, or the registration may still be running.
        """
        try:
            user_id = self._pool.sign_in(email, password).user_id
        except (InvalidCredentialsError, EmailNotConfirmedError, PasswordResetRequiredError):
            raise UserAlreadyExistsError from None
        if self._profiles.get(user_id, consistent=True).username is not None:
            raise UserAlreadyExistsError
        if self._pool.get(user_id).created_at + RESERVATION_LIFETIME > self._now():
            raise UserAlreadyExistsError
        return NewUser(user_id, confirmed=True)

    # ------------------------------------------------------------ sessions

    def sign_in(self, email: str, password: str) -> TokenResponse:
        """A new session.

        Raises:
            InvalidCredentialsError, EmailNotConfirmedError, PasswordResetRequiredError
        """
        return self._begun(self._pool.sign_in(email, password))

    def refresh(self, refresh_token: str) -> TokenResponse:
        """The session goes on with new tokens.

        A token that was used before is taken for a stolen one: the user is signed out everywhere.

        Raises:
            InvalidRefreshTokenError: not one of ours, used up, expired, revoked, or of a session that was logged out.
        """
        seal, token = self._unsealed(refresh_token)
        try:
            self._sessions.require_active(seal.user_id, seal.session_id, int(seal.signed_in_at))
        except UnauthenticatedError:
            self._pool.revoke(token)
            raise InvalidRefreshTokenError from None
        try:
            tokens = self._pool.refresh(token)
        except RefreshTokenReusedError:
            self.sign_out_everywhere(seal.user_id)
            raise
        return self._answer(tokens, seal)

    def sign_out(self, user_id: str, session_id: str) -> None:
        """End one session, at once."""
        self._sessions.revoke(user_id, session_id)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End all sessions of a user, at once."""
        try:
            self._pool.sign_out_everywhere(user_id)
        except UserNotFoundError:
            pass  # removed in the console: the tokens that are out there still have to end
        finally:
            # Afterwards, so that what is refreshed in the meantime ends as well.
            self._sessions.revoke_all(user_id)

    def _begun(self, tokens: Tokens) -> TokenResponse:
        self._sessions.start(tokens.user_id, tokens.session_id, tokens.signed_in_at)
        return self._answer(tokens, SessionEnvelope(tokens.user_id, tokens.session_id, str(tokens.signed_in_at)))

    def _answer(self, tokens: Tokens, seal: SessionEnvelope) -> TokenResponse:
        profile = self.profile(tokens.user_id)
        return TokenResponse(
            access_token=tokens.access_token,
            refresh_token=self._sealed(seal, tokens.refresh_token),
            expires_in=tokens.expires_in,
            user=AccountUser(id=profile.id, email=profile.email, username=profile.username),
        )

    def _sealed(self, seal: SessionEnvelope, token: str) -> str:
        return ".".join([*seal, self._pool.seal(seal.purpose(token)), token])

    def _unsealed(self, refresh_token: str) -> tuple[SessionEnvelope, str]:
        parts = refresh_token.split(".", 4)
        if len(parts) != 5:
            raise InvalidRefreshTokenError
        *owner, proof, token = parts
        seal = SessionEnvelope(*owner)
        if not secrets.compare_digest(proof.encode(), self._pool.seal(seal.purpose(token)).encode()):
            raise InvalidRefreshTokenError
        return seal, token

    # ------------------------------------------------------------ codes and passwords

    def confirm(self, email: str, code: str) -> None:
        """Confirm the e-mail address of a new account.

        Raises:
            InvalidOrExpiredCodeError, TooManyAttemptsError
        """
        self._limits.count_code(Scope.CONFIRM, email)
        self._pool.confirm(email, code)

    def resend_confirmation(self, email: str) -> None:
        """Send another code, if there is somebody who waits for one.

        Raises:
            TooManyAttemptsError, CodeDeliveryError
        """
        self._limits.count_code(Scope.RESEND, email)
        try:
            self._pool.resend_confirmation(email)
        except UserNotFoundError:
            return  # the answer never tells

    def forgot_password(self, email: str) -> None:
        """Send a code for a new password, if there is such an account.

        Raises:
            TooManyAttemptsError, CodeDeliveryError
        """
        self._limits.count_code(Scope.FORGOT, email)
        try:
            self._pool.forgot_password(email)
        except UserNotFoundError:
            return  # the answer never tells

    def reset_password(self, email: str, code: str, password: str) -> None:
        """Set a new password by a code, and end every session: whoever knew the old password is out.

        Raises:
            InvalidOrExpiredCodeError, WeakPasswordError, TooManyAttemptsError
        """
        self._limits.count_code(Scope.RESET, email)
        self._pool.reset_password(email, code, password)
        self.sign_out_everywhere(self._pool.get(email).user_id)

    def change_password(self, user_id: str, access_token: str, current: str, new: str) -> TokenResponse:
        """Set a new password, end every session, this one too, and begin a new one.

        Raises:
            WrongPasswordError, WeakPasswordError, TooManyAttemptsError
        """
        self._pool.change_password(access_token, current, new)
        self.sign_out_everywhere(user_id)
        return self._begun(self._pool.sign_in(user_id, new))

    # ------------------------------------------------------------ the profile

    def profile(self, user_id: str) -> UserProfile:
        """The user's profile; one that is missing is made.

        Raises:
            UnauthenticatedError: the user was removed from the pool.
        """
        profile = self._profiles.get(user_id, consistent=True)
        return _user_profile(profile if profile.username else self._completed(user_id))

    def rename(self, user_id: str, username: str) -> UserProfile:
        """Change the user's name.

        Raises:
            UsernameTakenError
        """
        old = self.profile(user_id).username
        if old != username:
            self._usernames.rename(user_id, old, username, self._now())
        return self.profile(user_id)

    def _completed(self, user_id: str) -> Profile:
        try:
            email = self._pool.get(user_id).email
        except UserNotFoundError:
            raise UnauthenticatedError from None
        for _ in range(_NAMING_TRIES):
            try:
                reservation = self._usernames.reserve(f"dreamer-{secrets.token_hex(4)}", self._now())
            except UsernameTakenError:
                continue
            try:
                self._usernames.assign(user_id, email, reservation, self._now())
            except ProfileExistsError:
                self._usernames.release(reservation)  # another request of the same user was faster
            return self._profiles.get(user_id, consistent=True)
        raise ProfileIncompleteError


def _user_profile(profile: Profile) -> UserProfile:
    if profile.email is None or profile.username is None or profile.created_at is None:
        raise ProfileIncompleteError
    return UserProfile(
        id=profile.user_id,
        email=profile.email,
        username=profile.username,
        subscription_tier=profile.subscription_tier,
        dreams_count=profile.dreams_count,
        videos_count=profile.videos_count,
        dreams_by_category=dict(profile.dreams_by_category),
        created_at=profile.created_at,
    )
