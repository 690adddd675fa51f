"""The erasure of an account: closing it at once, and forgetting it when everything that it had is gone."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Self

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.auth.errors import UserNotFoundError
from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.attempts import CodeAction, guard_key
from dreamvision.limits.rate_limits import Scope
from dreamvision.limits.repository import quota_guards, rate_guard
from dreamvision.users.repository import Profile, ProfileRepository


def attempts_of(profile: Profile, now: datetime) -> Iterable[str]:
    """The counts of asked-for and tried codes, which stand under a digest of the address."""
    return [guard_key(attempt, profile.email) for attempt in CodeAction] if profile.email else []


def limit_guards(profile: Profile, now: datetime) -> list[str]:
    """Everything in the guards table that stands under a user's id: what an erasure has to take along.

    Records of requests are not among it: they stand under digests that lead to nobody, and lapse within a day.
    """
    windows = [rate_guard(scope, profile.user_id) for scope in Scope if scope is not Scope.AUTH]
    return windows + quota_guards(profile.user_id, now)


type GuardsOf = Callable[[Profile, datetime], Iterable[str]]

# Whoever keeps something of a user in the guards table adds here where it is.
GUARDS_OF_A_USER: tuple[GuardsOf, ...] = (attempts_of, limit_guards)


class AccountErasure:
    """Closing and forgetting accounts."""

    def __init__(
        self, database: Database, pool: UserPool, sessions: Sessions, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._profiles = ProfileRepository(database)
        self._pool = pool
        self._sessions = sessions
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Set up from the environment."""
        database = Database.shared()
        return cls(database, UserPool(CognitoSettings.from_environment()), Sessions(database))

    def delete(self, user_id: str, workflow: ErasureWorkflow) -> None:
        """Erase the account. It is closed at once; everything that it had follows.

        The execution is started first, since nobody who is signed out could ask for it again.

        Raises:
            ErasureUnavailableError: it could not be started; nothing has changed.
        """
        workflow.erase_account(user_id)
        self.close(user_id)

    def close(self, user_id: str) -> None:
        """Nobody is signed in or signs in any more, and nothing new is kept. The user name stays taken until the end.

        Raises:
            UserPoolBusyError, UserPoolUnreachableError
        """
        self._sessions.revoke_permanently(user_id)
        self._profiles.mark_erasing(user_id, self._now())
        self._pool.disable(user_id)
        try:
            self._pool.sign_out_everywhere(user_id)
        except UserNotFoundError:
            return  # removed before

    def forget(self, user_id: str) -> None:
        """Forget who it was: guards, profile and user name, and at last the user.

        What says that the sessions are over stays until the last token has expired. It has the user's id alone.

        Raises:
            UserPoolBusyError, UserPoolUnreachableError
        """
        profile = self._profiles.get(user_id, consistent=True)
        now = self._now()
        for guard in {guard for guards in GUARDS_OF_A_USER for guard in guards(profile, now)}:
            self._database.client.delete_item(TableName=self._database.names.guards_table, Key={"guard": guard})
        self._profiles.remove(user_id)
        self._pool.delete(user_id)
