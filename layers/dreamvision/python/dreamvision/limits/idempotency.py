"""``Idempotency-Key``: a request that is sent twice takes effect once.

Powertools' idempotency does not fit. When it resumes an interrupted run it replaces the record, so the first run's ids
(which begin with its time) are lost and the second run creates a second video; it changes and deletes records without
checking their owner; and it adds 0.18 s to a cold start. Here a record keeps the ``id_seed`` from which all ids of the
request are derived, so a resumed run finds the rows and the execution of the previous one.

A record contains no personal text, not even from the response: key and body are stored as digests (the body's covers
the key too, so that a dream cannot be guessed from it), and a replayed response is rebuilt from the tables.
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
# Longer than any function timeout (at most 29 s, template.yaml), so a longer hold means that the holder died.
HOLD_SECONDS = 35
_IN_PROGRESS_RETRY_SECONDS = 2


class IdempotencyKeyReusedError(DreamVisionError):
    """The key was already used with another body."""

    default_message = "The idempotency key was used with a different request."
    user_message = "This Idempotency-Key was already used with a different request. Please use a new key."


class RequestInProgressError(DreamVisionError):
    """The first request with this key is still in progress."""

    default_message = "A request with this idempotency key is still in progress."
    user_message = "This request is already being processed. Please try again in a moment."

    def __init__(self) -> None:
        super().__init__()
        self.retry_after_seconds = _IN_PROGRESS_RETRY_SECONDS


@dataclass
class IdempotentRequest:
    """One run of a request.

    ``replayed``: for a repeated request, the data of the first response that the tables do not have. ``answer``: the
    same data of this run. ``resumed``: an earlier run was interrupted and may have written its rows.
    ``stores_response`` is false if the rows that the request writes show whether it was completed.
    """

    id_seed: str
    resumed: bool = False
    replayed: Mapping[str, Any] | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    guard: str | None = None
    owner: str = ""
    stores_response: bool = True

    @property
    def dream_id(self) -> str:
        """The id of the dream that this request creates; the same in every run."""
        return derived_id(self.id_seed, "dream")

    @property
    def job_id(self) -> str:
        """The id of the video that this request creates; the same in every run."""
        return derived_id(self.id_seed, "video")


class Idempotency:
    """Claims, completes and releases requests with an idempotency key. ``clock`` returns Unix seconds."""

    def __init__(self, limits: LimitsRepository, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock

    @classmethod
    def shared(cls) -> Self:
        """Return an instance configured from the environment. It is cheap to create; only the database is shared."""
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
        """Claim the request and return its run. A request without a key is always a first run.

        ``is_done`` returns whether an earlier run has written everything that the response is built from. No response
        is then stored, which saves a write; if the row was deleted since, the request runs again.

        Raises:
            IdempotencyKeyReusedError: the user sent another body with this key to this route.
            RequestInProgressError: another run of this request is in progress.
        """
        id_seed = new_id()
        if key is None:
            return IdempotentRequest(id_seed)
        guard, owner, now = f"request#{_digest(user_id, route, key)}", new_id(), self._clock()
        new_record = RequestRecord(id_seed, _digest(user_id, route, key, body), tries=0, answer=None)
        held_until_ms = int((now + HOLD_SECONDS) * 1000)
        claim = self._limits.claim(guard, new_record, owner, int(now * 1000), held_until_ms, self._expires_at(now))
        record = claim.record
        if claim.held:
            resumed = record.tries > 1
            return IdempotentRequest(
                record.id_seed, resumed=resumed, guard=guard, owner=owner, stores_response=is_done is None
            )
        if record.fingerprint != new_record.fingerprint:
            raise IdempotencyKeyReusedError
        if record.answer is not None:
            return IdempotentRequest(record.id_seed, replayed=record.answer)
        earlier = IdempotentRequest(record.id_seed, replayed={})
        if is_done is None or not is_done(earlier):
            raise RequestInProgressError
        return earlier

    def complete(self, request: IdempotentRequest) -> None:
        """Store the response, to be replayed for repeated requests."""
        if request.guard and request.stores_response:
            self._limits.store_response(request.guard, request.owner, request.answer, self._expires_at(self._clock()))

    def discard(self, request: IdempotentRequest) -> None:
        """Delete the record: the request was rejected without effect, and the key may be reused."""
        if request.guard:
            self._limits.discard(request.guard, request.owner)

    def release(self, request: IdempotentRequest) -> None:
        """Release the record of an interrupted run, so that the next run can resume it at once."""
        if request.guard:
            self._limits.release(request.guard, request.owner)

    def _expires_at(self, now: float) -> int:
        return int(now) + LIFETIME_SECONDS


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
