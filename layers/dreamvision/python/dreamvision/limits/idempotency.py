"""``Idempotency-Key``: a request that is sent twice is done once.

Powertools' idempotency does not fit here. It replaces the record when a run that broke off is taken up again, so that
the first run's ids (which begin with its time) are lost and the second one makes a second video; it changes and removes
records without asking who holds them; and it adds 0.18 s to a cold start. Here a record keeps the ``seed`` that all
ids of the request are derived from: whoever takes it up meets the rows and the execution of the run before.

A record holds no personal text, nor the answer's: the key and the body are digests (of the body together with the
key, so that a dream cannot be guessed from it), and what is replayed is built from the tables again.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import derived_id, new_id
from dreamvision.database.client import Database
from dreamvision.limits.repository import LimitsRepository, RequestRecord

LIFETIME_SECONDS = 24 * 3600
# Longer than any function runs (29 s at the most, template.yaml): who holds a record longer than that is dead.
HOLD_SECONDS = 35
_IN_PROGRESS_RETRY_SECONDS = 2


class IdempotencyKeyReusedError(DreamVisionError):
    """The key was sent before with another body."""

    default_message = "The idempotency key was used for another request."
    user_message = "This Idempotency-Key was used for another request. Please use a new one for every request."


class RequestInProgressError(DreamVisionError):
    """The first request with this key is still being worked on."""

    default_message = "A request with this idempotency key is still running."
    user_message = "This request is being worked on already. Please ask again in a moment."

    def __init__(self) -> None:
        super().__init__()
        self.retry_after_seconds = _IN_PROGRESS_RETRY_SECONDS


@dataclass
class IdempotentRequest:
    """One run of a request.

    ``replayed`` is what the first answer had to say beyond the tables, where the request was answered before;
    ``answer`` is the same of this run. ``resumed``: a run before this one broke off and may have left its rows.
    ``stores_response``: not where the request's own row tells whether it was answered.
    """

    seed: str
    resumed: bool = False
    replayed: Mapping[str, Any] | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    guard: str | None = None
    owner: str = ""
    stores_response: bool = True

    @property
    def dream_id(self) -> str:
        """The id of the dream that this request makes; the same in every run."""
        return derived_id(self.seed, "dream")

    @property
    def job_id(self) -> str:
        """The id of the video that this request makes; the same in every run."""
        return derived_id(self.seed, "video")


class Idempotency:
    """The requests of all users that were sent with a key. ``clock`` gives Unix seconds."""

    def __init__(self, guards: LimitsRepository, clock: Callable[[], float] = time.time) -> None:
        self._limits = guards
        self._clock = clock

    @classmethod
    def shared(cls) -> Self:
        """Set up from the environment; there is nothing in it worth keeping but the database."""
        return cls(LimitsRepository(Database.shared()))

    def claim(
        self,
        user_id: str,
        route: str,
        key: str | None,
        body: str,
        *,
        is_done: Callable[[IdempotentRequest], bool] | None = None,
    ) -> IdempotentRequest:
        """A run of the request; without a key every request is its own first run.

        ``is_done`` tells of an earlier run whether it has written all that makes the answer. Then no answer is kept,
        which saves a write; where the row was deleted since, the request is done anew.

        Raises:
            IdempotencyKeyReusedError: the user has sent another body with this key to this route.
            RequestInProgressError: another run of this request is not done.
        """
        seed = new_id()
        if key is None:
            return IdempotentRequest(seed)
        guard, owner, now = f"request#{_digest(user_id, route, key)}", new_id(), self._clock()
        wanted = RequestRecord(seed, _digest(user_id, route, key, body), tries=0, answer=None)
        held_until_ms = int((now + HOLD_SECONDS) * 1000)
        claim = self._limits.claim(guard, wanted, owner, int(now * 1000), held_until_ms, self._expiry(now))
        record = claim.record
        if claim.held:
            resumed = record.tries > 1
            return IdempotentRequest(
                record.seed, resumed=resumed, guard=guard, owner=owner, stores_response=is_done is None
            )
        if record.fingerprint != wanted.fingerprint:
            raise IdempotencyKeyReusedError
        if record.answer is not None:
            return IdempotentRequest(record.seed, replayed=record.answer)
        earlier = IdempotentRequest(record.seed, replayed={})
        if is_done is None or not is_done(earlier):
            raise RequestInProgressError
        return earlier

    def complete(self, attempt: IdempotentRequest) -> None:
        """The request is answered: from now on it is replayed."""
        if attempt.guard and attempt.stores_response:
            self._limits.store_response(attempt.guard, attempt.owner, attempt.answer, self._expiry(self._clock()))

    def discard(self, attempt: IdempotentRequest) -> None:
        """The request was refused and nothing of it goes on: the key is as good as new."""
        if attempt.guard:
            self._limits.discard(attempt.guard, attempt.owner)

    def release(self, attempt: IdempotentRequest) -> None:
        """The run broke off: the next one goes on with what it may have left."""
        if attempt.guard:
            self._limits.release(attempt.guard, attempt.owner)

    def _expiry(self, now: float) -> int:
        return int(now) + LIFETIME_SECONDS


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
