"""Profiles of the pool's users, in the form that clients see.

A registration creates the profile. One that is missing (a user created in the Cognito console) is completed when it is
first read.
"""

import secrets
from collections.abc import Callable
from datetime import datetime

from dreamvision.auth.cognito import UserPool
from dreamvision.auth.errors import UserNotFoundError
from dreamvision.auth.tokens import UnauthenticatedError
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.schemas.users import UserProfile
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.users.usernames import ProfileExistsError, UsernameReservation, Usernames, UsernameTakenError

_NAMING_TRIES = 5


class ProfileIncompleteError(DreamVisionError):
    """No free username was found for a profile without one."""

    default_message = "The profile could not be completed."


class AccountProfiles:
    """Creates, completes and renames profiles."""

    def __init__(
        self,
        pool: UserPool,
        profiles: ProfileRepository,
        usernames: Usernames,
        daily_counts: DailyCounts,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._pool = pool
        self._profiles = profiles
        self._usernames = usernames
        self._daily_counts = daily_counts
        self._now = now

    def get(self, user_id: str) -> UserProfile:
        """Return the user's profile, completing it first if necessary.

        Raises:
            UnauthenticatedError: the user was deleted from the pool.
        """
        profile = self._profiles.get(user_id, consistent=True)
        return _user_profile(profile if profile.username else self._complete(user_id))

    def is_complete(self, user_id: str) -> bool:
        """Return whether the user has a profile with a username."""
        return self._profiles.get(user_id, consistent=True).username is not None

    def create(self, user_id: str, email: str, reservation: UsernameReservation) -> None:
        """Create the profile, with what an erased account of this e-mail address has used of today.

        The old account's counts were written before its user was deleted, so before Cognito accepted this sign-up.

        Raises:
            ProfileExistsError: the user already has a username.
        """
        now = self._now()
        counts = self._daily_counts.take_over_writes(user_id, self._pool.mailbox(email), now)
        self._usernames.assign(user_id, email, reservation, now, counts)

    def rename(self, user_id: str, username: str) -> UserProfile:
        """Change the username.

        Raises:
            UsernameTakenError: another user has the username or has reserved it.
        """
        old = self.get(user_id).username
        if old != username:
            self._usernames.rename(user_id, old, username, self._now())
        return self.get(user_id)

    def _complete(self, user_id: str) -> Profile:
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
                self.create(user_id, email, reservation)
            except ProfileExistsError:
                self._usernames.release(reservation)  # a concurrent request of the same user completed it
            return self._profiles.get(user_id, consistent=True)
        raise ProfileIncompleteError


def _user_profile(profile: Profile) -> UserProfile:
    if profile.email is None or profile.username is None or profile.created_at is None:
        raise ProfileIncompleteError
    return UserProfile(
        id=profile.user_id,
        email=profile.email,
        username=profile.username,
        subscription_tier=SubscriptionTier.of(profile.subscription_tier),
        dreams_count=profile.dreams_count,
        videos_count=profile.videos_count,
        dreams_by_category=dict(profile.dreams_by_category),
        created_at=profile.created_at,
    )
