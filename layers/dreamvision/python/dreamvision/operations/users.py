"""Commands about users. Those that change a user's state run one at a time per user."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from aws_lambda_powertools import Logger

from dreamvision.auth.cognito import PoolUser, UserPool
from dreamvision.auth.errors import UserNotFoundError
from dreamvision.auth.sessions import Sessions
from dreamvision.core.clock import utc_now
from dreamvision.core.ids import new_id
from dreamvision.database.client import Database
from dreamvision.erasure.account import AccountErasure
from dreamvision.erasure.workflow import ErasureWorkflow
from dreamvision.limits.quotas import QuotaSettings, day_of, seconds_to_midnight
from dreamvision.operations.answers import BlockedUser, ChangedUser, FoundUser, Quota, TierSet, UserState, dollars
from dreamvision.operations.errors import OperationInProgressError, ProfileMissingError, UserIsErasedError
from dreamvision.operations.repository import OperationsRepository
from dreamvision.users.repository import Profile, ProfileRepository
from dreamvision.users.usernames import Usernames
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import VideoFinalError, VideoNotFoundError, VideoRecord
from dreamvision.videos.workflow import VideoWorkflow

_BLOCKED = "AccountBlockedError"
"""The error code of an analysis that a block has stopped."""

logger = Logger()


class Account(NamedTuple):
    """A user's profile, and the user in the pool (``None``: deleted there)."""

    profile: Profile
    pool_user: PoolUser | None

    @property
    def state(self) -> UserState:
        if self.profile.erasing_since is not None:
            return "erasing"
        if self.pool_user is None:
            return "no_sign_in"
        return "active" if self.pool_user.enabled else "blocked"


class UserOperations:
    """Commands about one user at a time."""

    def __init__(
        self,
        database: Database,
        pool: UserPool,
        sessions: Sessions,
        workflow: VideoWorkflow,
        erasures: ErasureWorkflow,
        quotas: QuotaSettings,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._repository = OperationsRepository(database)
        self._profiles = ProfileRepository(database)
        self._usernames = Usernames(database)
        self._videos = VideoLifecycle(database)
        self._erasure = AccountErasure(database, pool, sessions, now)
        self._pool = pool
        self._sessions = sessions
        self._workflow = workflow
        self._erasures = erasures
        self._quotas = quotas
        self._now = now

    # ------------------------------------------------------------ reads

    def find(self, *, address: str | None = None, username: str | None = None, user_id: str | None = None) -> FoundUser:
        """Return the user with this address, username or id.

        Raises:
            UserNotFoundError: there is no such user.
        """
        if address is not None:
            user_id = self._pool.get(address).user_id
        elif username is not None:
            user_id = self._usernames.owner(username)
        if user_id is None:
            raise UserNotFoundError
        account = self._account(user_id)
        profile = account.profile
        return FoundUser(
            user_id=user_id,
            state=account.state,
            username=profile.username,
            tier=profile.subscription_tier,
            created_at=profile.created_at,
            dreams=profile.dreams_count,
            videos=profile.videos_count,
            estimated_cost=dollars(profile.cost),
        )

    def quota(self, user_id: str, *, reset: bool) -> Quota:
        """Return what is left of the user's quota; with ``reset``, set the day's counts to zero first.

        Raises:
            UserNotFoundError: there is no such user.
            UserIsErasedError: the count of a user who is being erased is not reset.
        """
        account = self._account(user_id)
        if reset and account.state == "erasing":
            raise UserIsErasedError
        now = self._now()
        day, tier = day_of(now), account.profile.subscription_tier
        if reset:
            self._repository.reset_day(user_id, day)
        limits, analyses = self._quotas.of_tier(tier), self._quotas.analyses_of_tier(tier)
        today, running = self._repository.counts(user_id, day)
        return Quota(
            user_id=user_id,
            tier=tier,
            day=day,
            videos_today=today.videos,
            videos_per_day=limits.per_day,
            left_today=max(0, limits.per_day - today.videos),
            running_videos=running,
            concurrent_videos=limits.concurrent,
            analyses_today=today.analyses,
            analyses_per_day=analyses.per_day,
            analyses_left_today=max(0, analyses.per_day - today.analyses),
            refused_today=today.strikes,
            paused=0 < limits.strikes <= today.strikes,
            resets_in_seconds=seconds_to_midnight(now),
            reset=reset,
        )

    # ------------------------------------------------------------ changes

    def set_tier(self, user_id: str, tier: str) -> TierSet:
        """Set the subscription tier. Idempotent.

        Raises:
            UserNotFoundError: there is no such user.
            UserIsErasedError: the user is being erased.
            ProfileMissingError: the user has no profile.
        """
        if self._account(user_id).state == "erasing":
            raise UserIsErasedError
        if not self._profiles.set_tier(user_id, tier, self._now()):
            raise ProfileMissingError
        return TierSet(user_id=user_id, tier=tier)

    def block(self, user_id: str) -> BlockedUser:
        """Refuse every token and sign-in of the user, and stop the user's videos. Idempotent.

        The tokens are refused first, so that a failure of Cognito leaves no working session; repeat the command then.

        Raises:
            UserNotFoundError: there is no such user.
            UserIsErasedError: the user is being erased.
            OperationInProgressError: another command is changing the user.
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; repeat.
        """
        self._require_changeable(user_id)
        with self._alone(user_id):
            self._sessions.block(user_id)
            self._repository.stop_videos(user_id, self._now())
            self._pool.disable(user_id)
            self._pool.sign_out_everywhere(user_id)
            cancelled = [video.job_id for video in list(self._videos.open_of(user_id)) if self._cancel(video)]
            running = [job_id for job_id in cancelled if not self._workflow.try_stop(job_id)]
            return BlockedUser(user_id=user_id, state="blocked", cancelled_videos=cancelled, executions_running=running)

    def unblock(self, user_id: str) -> ChangedUser:
        """Allow the user to sign in again. The sessions started so far stay revoked. Idempotent.

        Raises:
            UserNotFoundError: there is no such user.
            UserIsErasedError: the user is being erased.
            OperationInProgressError: another command is changing the user.
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; repeat.
        """
        self._require_changeable(user_id)
        with self._alone(user_id):
            self._sessions.unblock(user_id)
            self._repository.allow_videos(user_id)
            self._pool.enable(user_id)
            if self._account(user_id).state == "erasing":
                # The user's own request began after the check, and may have disabled sign-in before it was enabled.
                self._pool.disable(user_id)
                raise UserIsErasedError
            return ChangedUser(user_id=user_id, state="active")

    def erase(self, user_id: str) -> ChangedUser:
        """Start the erasure of the user, as ``DELETE /auth/me`` does. Repeating it restarts an unfinished one.

        Raises:
            UserNotFoundError: there is no such user.
            OperationInProgressError: another command is changing the user.
            ErasureUnavailableError: the execution did not start; nothing has changed.
            UserPoolBusyError, UserPoolUnreachableError: Cognito was not reached; the execution will close the account.
        """
        self._account(user_id)
        with self._alone(user_id):
            self._erasure.start(user_id, self._erasures)
            return ChangedUser(user_id=user_id, state="erasing")

    # ------------------------------------------------------------ steps

    def _account(self, user_id: str) -> Account:
        """Return the user's profile and sign-in, of which one may be missing.

        Raises:
            UserNotFoundError: both are missing.
        """
        profile = self._profiles.get(user_id, consistent=True)
        try:
            return Account(profile, self._pool.get(user_id))
        except UserNotFoundError:
            if profile.updated_at is None and profile.erasing_since is None:
                raise
            return Account(profile, None)

    def _require_changeable(self, user_id: str) -> None:
        state = self._account(user_id).state
        if state == "erasing":
            raise UserIsErasedError
        if state == "no_sign_in":
            raise UserNotFoundError

    @contextmanager
    def _alone(self, user_id: str) -> Iterator[None]:
        owner = new_id()
        if not self._repository.hold(user_id, owner, self._now()):
            raise OperationInProgressError
        try:
            yield
        finally:
            self._repository.release(user_id, owner)

    def _cancel(self, video: VideoRecord) -> bool:
        """Cancel a video and its dream's pending analysis. Return false if the video became final meanwhile."""
        try:
            self._videos.cancel(video.user_id, video.job_id, self._now())
        except (VideoFinalError, VideoNotFoundError):
            return False
        self._videos.fail_pending_analysis(video, _BLOCKED)
        return True
