"""Account erasure: close the account at once, delete the profile and the Cognito user at the end."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.errors import UserNotFoundError
from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.devices.repository import devices_guard
from dreamvision.erasure.open_erasures import OpenErasures
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.handshakes import handshakes_guard
from dreamvision.limits.rate_limits import Seal, rate_guards
from dreamvision.limits.repository import LimitsRepository, operation_guard, quota_guards
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.users.usernames import Usernames


def user_guards(profile: Profile, now: datetime, seal: Seal) -> set[str]:
    """Return the keys of the user's items in the guards table. Add here every new kind of item that names a user.

    Excludes the counts kept for a mailbox, which name no user and end at midnight; idempotency records and those of
    sent notifications: their keys are digests that identify no user, and they expire within a day or three; and the
    records of open erasures, which end with the erasure itself. The reconciliation's position may name a row until its
    next run, an hour later.
    """
    guards = {*rate_guards(profile.user_id, profile.email, seal), *quota_guards(profile.user_id, now)}
    return guards | {
        operation_guard(profile.user_id),
        handshakes_guard(profile.user_id),
        devices_guard(profile.user_id),
    }


class AccountErasure:
    """The steps of an erasure that concern the account itself."""

    def __init__(
        self, database: Database, pool: UserPool, sessions: Sessions, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._profiles = ProfileRepository(database)
        self._usernames = Usernames(database)
        self._limits = LimitsRepository(database)
        self._daily_counts = DailyCounts(database)
        self._open_erasures = OpenErasures(database)
        self._pool = pool
        self._sessions = sessions
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        database = Database.shared()
        return cls(database, UserPool(CognitoSettings.from_environment()), Sessions(database))

    def start(self, user_id: str, workflow: ErasureWorkflow) -> None:
        """Start the erasure of the account and close it at once.

        The execution is started first: once signed out, the user could not request it again.

        Raises:
            ErasureUnavailableError: the execution did not start; nothing has changed.
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; the execution will close the account.
        """
        workflow.erase_account(user_id)
        self.close(user_id)

    def close(self, user_id: str) -> None:
        """Sign the user out, disable sign-in and reject new data. The username stays taken until the end. Idempotent.

        Raises:
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; repeat.
        """
        self._sessions.revoke_permanently(user_id)
        self._profiles.mark_erasing(user_id, self._now())
        self._pool.disable(user_id)
        try:
            self._pool.sign_out_everywhere(user_id)
        except UserNotFoundError:
            return  # already deleted

    def is_closed(self, user_id: str) -> bool:
        """Return whether an erasure has closed the account, within the last hour."""
        return self._sessions.revoked(user_id).of_erased

    def delete(self, user_id: str) -> None:
        """Delete the guards, the profile, the username and the Cognito user; then the erasure is complete. Idempotent.

        What the user has used of today is kept for the mailbox until midnight, before Cognito accepts its address
        again. The item that revokes the user's sessions stays until their last token has expired. It holds the user's
        id only.

        Raises:
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; repeat.
        """
        profile = self._profiles.get(user_id, consistent=True)
        if profile.email is None:
            profile = profile.model_copy(update={"email": self._address(user_id)})
        if profile.email:
            self._daily_counts.keep(user_id, self._pool.mailbox(profile.email), self._now())
        self._limits.delete(user_guards(profile, self._now(), self._pool.seal))
        self._usernames.delete_profile(user_id)
        self._pool.delete(user_id)
        self._open_erasures.end(user_id)

    def _address(self, user_id: str) -> str | None:
        """Return the address of a user whose profile was never completed; ``None`` if Cognito has no such user."""
        try:
            return self._pool.get(user_id).email
        except UserNotFoundError:
            return None
