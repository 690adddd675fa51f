"""Erase what belongs to users whom the user pool no longer has.

An operator can delete a user in the console, past our API (docs/SECURITY.md). The dreams, videos and profile would stay
forever. Every stored profile is therefore looked up in the pool, a page at a time; a run continues where the last one
stopped.

Erasing cannot be undone. Only Cognito's answer that the user does not exist counts, never an error; another pool than
before, or a page on which most users are missing, stops the run until an operator has looked into it.

Since it reads every profile, it also counts the costs that are due in them (``limits/spending.py``).
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from dreamvision.auth.cognito import CognitoSettings, UserPool
from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.database.client import Database
from dreamvision.database.transactions import Transaction, TransactionRefusedError
from dreamvision.erasure.repository import ReconciliationCursor
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.repository import LimitsRepository
from dreamvision.limits.spending import Spent, shard_of
from dreamvision.users.repository import ProfileRepository, StoredUser

# Rows of the profiles table, of which about half are usernames: 50 requests to Cognito, about 2 s.
_ROWS_PER_PAGE = 100
# A page needs 2 s, and a minute if every request to Cognito is slow.
SECONDS_PER_PAGE = 60
# Longer than any request (29 s), so that no registration is still in progress, and than Cognito needs until every
# administrator's call finds a new user.
REGISTRATION_GRACE = timedelta(hours=1)
# TimeoutSeconds of an execution (erasure.asl.yaml).
ERASURE_LIFETIME = timedelta(seconds=86_400)
# Few users delete themselves at Cognito. If more than these are missing, and most of a page, something else is wrong.
_PLAUSIBLY_MISSING = 3


class UserPoolChangedError(DreamVisionError):
    """The pool is not the one that earlier runs looked users up in. Nothing was erased."""

    default_message = "The user pool is another one than before."


class TooManyUsersMissingError(DreamVisionError):
    """Most users of a page are missing from the pool. None of them was erased."""

    default_message = "Most users are missing from the user pool."


class ReconciliationResult(NamedTuple):
    """The number of users looked up and of those found missing, and whether the run reached the end of the table."""

    checked: int
    missing: int
    completed: bool


class Reconciliation:
    """Compares the stored users with the pool. Idempotent: a repeated run joins the erasures already started."""

    def __init__(
        self, database: Database, pool: UserPool, workflow: ErasureWorkflow, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._profiles = ProfileRepository(database)
        self._limits = LimitsRepository(database)
        self._cursor = ReconciliationCursor(database)
        self._pool = pool
        self._workflow = workflow
        self._now = now

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment."""
        return cls(Database.shared(), UserPool(CognitoSettings.from_environment()), ErasureWorkflow.shared())

    def run(self, seconds_left: Callable[[], float]) -> ReconciliationResult:
        """Check users until the end of the table, or while another page fits into ``seconds_left()``.

        A page whose check fails is checked again by the next run.

        Raises:
            UserPoolChangedError: the pool is another one than before.
            TooManyUsersMissingError: most users of a page are missing.
            UserPoolBusyError, UserPoolUnreachableError: Cognito did not answer.
            ErasureUnavailableError: an erasure did not start.
        """
        after_id = self._start()
        checked = missing = 0
        while True:
            page = self._profiles.scan_users(_ROWS_PER_PAGE, after_id)
            self._count_due(page.users)
            candidates = [user for user in page.users if self._may_be_missing(user)]
            gone = [user for user in candidates if not self._pool.exists(user.user_id)]
            self._erase(gone, len(candidates))
            checked, missing, after_id = checked + len(candidates), missing + len(gone), page.last_id
            self._cursor.store(self._pool.pool_id, after_id)
            if after_id is None or seconds_left() < SECONDS_PER_PAGE:
                return ReconciliationResult(checked, missing, completed=after_id is None)

    def _count_due(self, users: list[StoredUser]) -> None:
        now = self._now()
        for user in users:
            if user.due:
                transaction = Transaction().add("profile", self._profiles.settle_write(user.user_id, user.due))
                shard, spent = shard_of(user.user_id, now), Spent(claude=user.due)
                transaction.add("spending", self._limits.spending_write(shard, spent, now))
                with suppress(TransactionRefusedError):  # changed meanwhile; the next run counts it
                    self._database.transact_write(transaction)

    def _start(self) -> str | None:
        position = self._cursor.read()
        if position is None:
            return None
        if position.pool_id != self._pool.pool_id:
            raise UserPoolChangedError
        return position.after_id

    def _may_be_missing(self, user: StoredUser) -> bool:
        """Return whether the user is neither being registered nor being erased."""
        now = self._now()
        if user.created_at and now - user.created_at < REGISTRATION_GRACE:
            return False
        return user.erasing_since is None or now - user.erasing_since >= ERASURE_LIFETIME

    def _erase(self, gone: list[StoredUser], checked: int) -> None:
        if len(gone) > _PLAUSIBLY_MISSING and len(gone) > checked / 2:
            raise TooManyUsersMissingError
        for user in gone:
            self._workflow.erase_account(user.user_id)
