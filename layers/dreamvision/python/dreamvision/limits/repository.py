"""The ``guards`` table: counters, reservations and request records with a TTL (``expires_at``, Unix seconds).

DynamoDB deletes expired items within two days, not immediately: no code here relies on the deletion. Every change is
one conditional write, so counts are exact under any concurrency.

    rate#<scope>#<subject>             requests within the current window
    quota#day#<user>#<date>            a user's videos, analyses and refused dreams on a day (UTC)
    quota#running#<user>               a user's videos that are not final; ``stopped`` if there may be no more
    quota#service#<date>#<shard>       all users' videos on a day
    quota#analyses#<date>#<shard>      all users' analyses on a day
    registrations#<date>#<digest>      accounts created from an address or network on a day
    mailbox#<hmac>                     what the erased account of an e-mail address had used of a day
    spending#<date>#<shard>            what all users' analyses and videos cost on a day
    request#<digest>                   a request with an idempotency key
    operation#<user>                   an operator's command that is changing a user

Other packages keep ``sessions#<user>`` (``auth/sessions.py``), ``registration#<HMAC>`` (``auth/registrations.py``),
``devices#<user>`` (``devices/repository.py``), ``notified#<digest>`` (``notifications/repository.py``),
``times#<hour>`` (``videos/completion_times.py``) and, without a TTL, ``cursor#reconcile-users``
(``erasure/repository.py``) in the same table.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.database.transactions import ContentionError, Transaction, TransactionRefusedError, Write
from dreamvision.limits.counters import Increment, Update, conditional_update
from dreamvision.limits.quotas import SERVICE_SHARDS, AnalysisLimits, QuotaReservation, VideoLimits, day_of, shard_part
from dreamvision.limits.spending import SpendingShard, Spent

_TRIES = 4
_DAY_SECONDS = 24 * 3600
# A daily or concurrent count is needed until its last video is final (at most two hours).
QUOTA_LIFETIME_SECONDS = 3 * _DAY_SECONDS
# Thirteen months, so that a month can be compared with that of the year before.
_SPENDING_LIFETIME_SECONDS = 400 * _DAY_SECONDS
# BatchGetItem's limit of keys per call.
_KEYS_PER_BATCH = 100


class WindowState(NamedTuple):
    """A rate limit window: whether the request was counted, the count, and the end in Unix milliseconds."""

    counted: bool
    taken: int
    ends_at_ms: int


class RequestRecord(NamedTuple):
    """A request with an idempotency key. ``answer`` is set once the request is completed."""

    id_seed: str
    fingerprint: str
    tries: int
    answer: dict[str, Any] | None


class RequestClaim(NamedTuple):
    """The stored record, and whether the claim succeeded."""

    held: bool
    record: RequestRecord


class AnalysisReservation(NamedTuple):
    """The limits of an analysis that is counted with a video, and the shard of the service's counter."""

    limits: AnalysisLimits
    shard: int


class LimitsRepository:
    """The counters and request records of all users. Times are in Unix seconds, or milliseconds if named so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.guards_table

    # ------------------------------------------------------------ windows

    def count(self, guard: str, limit: int, length_ms: int, now_ms: int) -> WindowState:
        """Count one request within a window that starts with the first request counted. A full window is unchanged.

        Costs half a read unit, to choose the write, and one write; no write if the window is full. The read may be
        stale: the write's condition decides.
        """
        end = now_ms + length_ms
        start_values = {":one": 1, ":now": now_ms, ":end": end, ":lapses": end // 1000 + 60}
        add_values = {":one": 1, ":now": now_ms, ":limit": limit}
        response = self._database.client.get_item(TableName=self._table, Key={"guard": guard})
        item: Item = response.get("Item", {})
        for _ in range(_TRIES):
            if _is_full(item, limit, now_ms):
                return _window_state(Update(applied=False, item=item))
            if item and int(item["ends_at"]) > now_ms:
                update = self._update(guard, "ADD taken :one", "ends_at > :now AND taken < :limit", add_values)
            else:
                update = self._update(
                    guard,
                    "SET taken = :one, ends_at = :end, expires_at = :lapses",
                    "attribute_not_exists(guard) OR ends_at <= :now",
                    start_values,
                )
            if update.applied:
                return _window_state(update)
            item = update.item
        raise ContentionError

    # ------------------------------------------------------------ registrations

    def count_registrations(self, limits: Mapping[str, int], now: datetime) -> bool:
        """Count a registration under each of these digests; under none if one of them has reached its limit.

        Raises:
            ContentionError: concurrent registrations from the same network outlasted the retries.
        """
        transaction, lapses = Transaction(), int(now.timestamp()) + 2 * _DAY_SECONDS
        for digest, limit in limits.items():
            increment = Increment({"registrations": limit}, lapses)
            transaction.add(digest, self.count_write(f"registrations#{day_of(now)}#{digest}", increment))
        try:
            self._database.transact_write(transaction)
        except TransactionRefusedError:
            return False
        return True

    # ------------------------------------------------------------ quotas

    def reserve_writes(
        self,
        user_id: str,
        reservation: QuotaReservation,
        limits: VideoLimits,
        now: int,
        analyses: AnalysisReservation | None = None,
    ) -> dict[str, Write]:
        """Return the writes that count one video, by quota: ``daily``, ``concurrent`` and ``service``.

        With ``analyses`` they also count one analysis: ``daily`` that of the user, ``service_analyses`` that of all.
        """
        lapses = now + QUOTA_LIFETIME_SECONDS
        daily = {"videos": limits.per_day} | ({"analyses": analyses.limits.per_day} if analyses else {})
        service = Increment({"videos": limits.of_shard(reservation.shard)}, lapses)
        concurrent = Increment({"videos": limits.concurrent}, lapses, condition="attribute_not_exists(stopped)")
        writes = {
            "daily": self.count_write(day_guard(user_id, reservation.day), Increment(daily, lapses, limits.strikes)),
            "concurrent": self.count_write(running_guard(user_id), concurrent),
            "service": self.count_write(_service_guard(reservation), service),
        }
        if analyses:
            part = Increment({"analyses": shard_part(analyses.limits.service_per_day, analyses.shard)}, lapses)
            writes["service_analyses"] = self.count_write(analyses_guard(reservation.day, analyses.shard), part)
        return writes

    def release_concurrent_writes(self, user_id: str) -> dict[str, Write]:
        """Return the write that frees one of the user's concurrent videos."""
        return {"concurrent": self._decrement_write(running_guard(user_id))}

    def release_daily_writes(self, user_id: str, reservation: QuotaReservation) -> dict[str, Write]:
        """Return the writes that uncount a video that cost nothing from the daily counts of user and service."""
        return {
            "daily": self._decrement_write(day_guard(user_id, reservation.day)),
            "service": self._decrement_write(_service_guard(reservation)),
        }

    def shards_with_room(self, day: str, limits: VideoLimits) -> list[int]:
        """Return the shards of the service's daily count that are below their limit. Costs a read unit per shard."""
        taken = self._service_counts(day)
        return [shard for shard in range(SERVICE_SHARDS) if taken.get(shard, 0) < limits.of_shard(shard)]

    def service_videos(self, day: str) -> int:
        """Return the videos of all users on a day. Costs a read unit per shard."""
        return sum(self._service_counts(day).values())

    def _service_counts(self, day: str) -> dict[int, int]:
        guards = {_service_guard(QuotaReservation(day, shard)): shard for shard in range(SERVICE_SHARDS)}
        request = {self._table: {"Keys": [{"guard": guard} for guard in guards], "ConsistentRead": True}}
        response = self._database.client.batch_get_item(RequestItems=request)  # type: ignore[arg-type]
        return {guards[str(item["guard"])]: int(item["videos"]) for item in response["Responses"][self._table]}  # type: ignore[call-overload]

    def count_write(self, guard: str, increment: Increment) -> Write:
        """Return the write of a counter, for a transaction."""
        return self._update_write(guard, increment.update, increment.conditions, increment.expression_values)

    def _decrement_write(self, guard: str) -> Write:
        return self._update_write(guard, "ADD videos :less", "videos > :none", {":less": -1, ":none": 0})

    def _update_write(self, guard: str, update: str, condition: str, values: Item) -> Write:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"guard": guard},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    # ------------------------------------------------------------ spending

    def spending_write(self, shard: SpendingShard, spent: Spent, now: datetime) -> Write:
        """Return the write that counts a cost, for the transaction that writes what was paid for."""
        counters = {name: number for name, number in spent._asdict().items() if number}
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"guard": _spending_guard(shard)},
                "UpdateExpression": "SET expires_at = :lapses ADD " + ", ".join(f"{name} :{name}" for name in counters),
                "ExpressionAttributeValues": {
                    ":lapses": int(now.timestamp()) + _SPENDING_LIFETIME_SECONDS,
                    **{f":{name}": number for name, number in counters.items()},
                },
            }
        }

    def spending(self, shards: Sequence[SpendingShard]) -> Spent:
        """Return what these shards have counted. Costs at most a read unit per shard.

        Raises:
            ContentionError: DynamoDB did not return all of them.
        """
        keys = [{"guard": _spending_guard(shard)} for shard in shards]
        batches = (keys[start : start + _KEYS_PER_BATCH] for start in range(0, len(keys), _KEYS_PER_BATCH))
        items = [item for batch in batches for item in self._database.batch_get({self._table: batch})[self._table]]
        return Spent.sum_of(
            Spent(int(item.get("videos", 0)), item.get("claude", Decimal(0)), item.get("runway", Decimal(0)))
            for item in items
        )

    # ------------------------------------------------------------ requests with an idempotency key

    def claim(
        self, guard: str, record: RequestRecord, owner: str, now_ms: int, held_until_ms: int, expires_at: int
    ) -> RequestClaim:
        """Hold a request's record, unless it is completed, held by another run, or belongs to another body.

        A claim after an interrupted run returns that run's ``id_seed``.
        """
        values = {
            ":seed": record.id_seed,
            ":fingerprint": record.fingerprint,
            ":owner": owner,
            ":now": now_ms,
            ":until": held_until_ms,
            ":lapses": expires_at,
            ":one": 1,
        }
        for _ in range(_TRIES):
            claimed = self._update(
                guard,
                "SET seed = if_not_exists(seed, :seed), fingerprint = if_not_exists(fingerprint, :fingerprint), "
                "held_by = :owner, held_until = :until, expires_at = :lapses ADD tries :one",
                # held_by = :owner: a retry of this write, after the response to the first attempt was lost.
                "attribute_not_exists(guard) OR held_by = :owner OR "
                "(attribute_not_exists(answer) AND held_until <= :now AND fingerprint = :fingerprint)",
                values,
            )
            if claimed.applied or int(claimed.item["expires_at"]) > now_ms // 1000:
                return RequestClaim(claimed.applied, _record(claimed.item))
            self._delete(guard, "expires_at <= :now", {":now": now_ms // 1000})
        raise ContentionError

    def store_response(self, guard: str, owner: str, answer: Mapping[str, Any], expires_at: int) -> None:
        """Complete the request. If another run has taken it over, that run stores the same answer."""
        self._update(
            guard,
            "SET answer = :answer, expires_at = :lapses REMOVE held_by, held_until",
            "held_by = :owner",
            {":answer": dict(answer), ":lapses": expires_at, ":owner": owner},
        )

    def release(self, guard: str, owner: str) -> None:
        """End the hold, so that the next run can resume the request."""
        self._update(guard, "SET held_until = :now", "held_by = :owner", {":now": 0, ":owner": owner})

    def discard(self, guard: str, owner: str) -> None:
        """Delete the record, as if the request had never been sent."""
        self._delete(guard, "held_by = :owner", {":owner": owner})

    # ------------------------------------------------------------ erasure

    def delete(self, guards: Iterable[str]) -> None:
        """Delete items by their keys. Idempotent."""
        for guard in guards:
            self._database.client.delete_item(TableName=self._table, Key={"guard": guard})

    # ------------------------------------------------------------ one conditional write

    def _update(self, guard: str, update: str, condition: str, values: Item) -> Update:
        return conditional_update(self._database, guard, update, condition, values)

    def _delete(self, guard: str, condition: str, values: Item) -> None:
        try:
            self._database.client.delete_item(
                TableName=self._table,
                Key={"guard": guard},
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise


def _is_full(item: Item, limit: int, now_ms: int) -> bool:
    return bool(item) and int(item["ends_at"]) > now_ms and int(item["taken"]) >= limit


def _window_state(update: Update) -> WindowState:
    return WindowState(update.applied, int(update.item["taken"]), int(update.item["ends_at"]))


def _record(item: Item) -> RequestRecord:
    return RequestRecord(str(item["seed"]), str(item["fingerprint"]), int(item["tries"]), item.get("answer"))


def rate_guard(scope: str, subject: str) -> str:
    """Return the key of the counter of a scope and a user id or digest."""
    return f"rate#{scope}#{subject}"


def quota_guards(user_id: str, now: datetime) -> list[str]:
    """Return the keys of a user's video counters that may not have expired yet."""
    days = [
        (now.astimezone(UTC) - timedelta(seconds=age)).date()
        for age in range(0, QUOTA_LIFETIME_SECONDS + 1, _DAY_SECONDS)
    ]
    return [running_guard(user_id), *(day_guard(user_id, day.isoformat()) for day in days)]


def day_guard(user_id: str, day: str) -> str:
    """Return the key of a user's daily count."""
    return f"quota#day#{user_id}#{day}"


def analyses_guard(day: str, shard: int) -> str:
    """Return the key of a shard of the service's count of analyses."""
    return f"quota#analyses#{day}#{shard}"


def running_guard(user_id: str) -> str:
    """Return the key of a user's count of videos that are not final."""
    return f"quota#running#{user_id}"


def operation_guard(user_id: str) -> str:
    """Return the key of the record that one operator's command at a time holds."""
    return f"operation#{user_id}"


def _service_guard(reservation: QuotaReservation) -> str:
    return f"quota#service#{reservation.day}#{reservation.shard}"


def _spending_guard(shard: SpendingShard) -> str:
    return f"spending#{shard.day}#{shard.shard}"
