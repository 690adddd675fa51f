"""``guards``: counts, reservations and records that lapse by themselves (``expires_at``, Unix seconds).

DynamoDB removes a lapsed item within two days, not at once: nothing here relies on its being gone. Every change is one
conditional write, so that all of it is exact however many requests come at the same time.

    rate#<scope>#<who>                 requests within the window that is open
    quota#day#<user>#<date>            videos of a user on a day (UTC)
    quota#running#<user>               videos of a user that are not final
    quota#service#<date>#<shard>       videos of all users on a day
    request#<digest>                   a request that was sent with an idempotency key
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from dreamvision.database.client import Database, Item, is_condition_failure
from dreamvision.database.transactions import ContentionError, Write
from dreamvision.limits.quotas import SERVICE_SHARDS, QuotaReservation, VideoLimits

_TRIES = 4
_DAY_SECONDS = 24 * 3600
# A count for a day is needed until its last video is final (two hours at the most); one of running videos as long.
_QUOTA_LIFETIME_SECONDS = 3 * _DAY_SECONDS


class WindowState(NamedTuple):
    """A window of requests: whether one more was counted, how many there are, and its end in Unix milliseconds."""

    counted: bool
    taken: int
    ends_at_ms: int


class RequestRecord(NamedTuple):
    """A request with an idempotency key. ``answer`` is there once it was answered."""

    seed: str
    fingerprint: str
    tries: int
    answer: dict[str, Any] | None


class RequestClaim(NamedTuple):
    """The record as it is, and whether it is held by who claimed it just now."""

    held: bool
    record: RequestRecord


class _Update(NamedTuple):
    """The item after an update, or, where the condition did not hold, as it is."""

    applied: bool
    item: Item


class LimitsRepository:
    """The guards of all users. Times are Unix seconds, or milliseconds where the name says so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = database.names.guards_table

    # ------------------------------------------------------------ windows

    def count(self, guard: str, limit: int, length_ms: int, now_ms: int) -> WindowState:
        """Count one more within a window that begins with the first one counted. A full window stays as it is.

        Costs half a read unit, to know what to write, and one write; a full window costs no write. The read may be
        of a moment ago, or others may be faster: the write's condition decides.
        """
        end = now_ms + length_ms
        beginning = {":one": 1, ":now": now_ms, ":end": end, ":lapses": end // 1000 + 60}
        adding = {":one": 1, ":now": now_ms, ":limit": limit}
        found = self._database.client.get_item(TableName=self._table, Key={"guard": guard})
        known: Item = found.get("Item", {})
        for _ in range(_TRIES):
            if _is_full(known, limit, now_ms):
                return _window(_Update(applied=False, item=known))
            if known and int(known["ends_at"]) > now_ms:
                update = self._update(guard, "ADD taken :one", "ends_at > :now AND taken < :limit", adding)
            else:
                update = self._update(
                    guard,
                    "SET taken = :one, ends_at = :end, expires_at = :lapses",
                    "attribute_not_exists(guard) OR ends_at <= :now",
                    beginning,
                )
            if update.applied:
                return _window(update)
            known = update.item
        raise ContentionError

    # ------------------------------------------------------------ quotas

    def reserve_writes(
        self, user_id: str, reservation: QuotaReservation, limits: VideoLimits, now: int
    ) -> dict[str, Write]:
        """Return the writes that count one more video, by the quota: ``daily``, ``concurrent`` and ``service``."""
        expires_at = now + _QUOTA_LIFETIME_SECONDS
        service = limits.of_shard(reservation.shard)
        return {
            "daily": self._increment_write(_day_guard(user_id, reservation.day), limits.per_day, expires_at),
            "concurrent": self._increment_write(_running_guard(user_id), limits.concurrent, expires_at),
            "service": self._increment_write(_service_guard(reservation), service, expires_at),
        }

    def release_concurrent_writes(self, user_id: str) -> dict[str, Write]:
        """Return the write that frees one of the user's concurrent videos."""
        return {"concurrent": self._decrement_write(_running_guard(user_id))}

    def release_daily_writes(self, user_id: str, reservation: QuotaReservation) -> dict[str, Write]:
        """Return the writes that take a video off the daily counts of user and service: nothing was spent."""
        return {
            "daily": self._decrement_write(_day_guard(user_id, reservation.day)),
            "service": self._decrement_write(_service_guard(reservation)),
        }

    def shards_with_room(self, day: str, limits: VideoLimits) -> list[int]:
        """The items of the service's count for a day that can take one more. Costs a read unit for each."""
        guards = {_service_guard(QuotaReservation(day, shard)): shard for shard in range(SERVICE_SHARDS)}
        request = {self._table: {"Keys": [{"guard": guard} for guard in guards], "ConsistentRead": True}}
        answer = self._database.client.batch_get_item(RequestItems=request)  # type: ignore[arg-type]
        taken = {guards[str(item["guard"])]: int(item["videos"]) for item in answer["Responses"][self._table]}  # type: ignore[call-overload]
        return [shard for shard in range(SERVICE_SHARDS) if taken.get(shard, 0) < limits.of_shard(shard)]

    def _increment_write(self, guard: str, limit: int, lapses: int) -> Write:
        return self._update_write(
            guard,
            "SET expires_at = :lapses ADD videos :one",
            # With a limit of 0 the first one is one too many.
            "attribute_not_exists(videos) OR videos < :limit" if limit > 0 else "videos < :limit",
            {":one": 1, ":limit": limit, ":lapses": lapses},
        )

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

    # ------------------------------------------------------------ requests with an idempotency key

    def claim(
        self, guard: str, record: RequestRecord, owner: str, now_ms: int, held_until_ms: int, expires_at: int
    ) -> RequestClaim:
        """Hold the record of a request, unless it was answered, somebody else holds it, or it is of another body.

        Whoever claims it after a run that broke off finds the ``seed`` of that run.
        """
        values = {
            ":seed": record.seed,
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
                # held_by = :owner: the answer to the first attempt at this very write was lost.
                "attribute_not_exists(guard) OR held_by = :owner OR "
                "(attribute_not_exists(answer) AND held_until <= :now AND fingerprint = :fingerprint)",
                values,
            )
            if claimed.applied or int(claimed.item["expires_at"]) > now_ms // 1000:
                return RequestClaim(claimed.applied, _record(claimed.item))
            self._delete(guard, "expires_at <= :now", {":now": now_ms // 1000})
        raise ContentionError

    def store_response(self, guard: str, owner: str, answer: Mapping[str, Any], expires_at: int) -> None:
        """The request is answered. Whoever took it over meanwhile keeps the same answer."""
        self._update(
            guard,
            "SET answer = :answer, expires_at = :lapses REMOVE held_by, held_until",
            "held_by = :owner",
            {":answer": dict(answer), ":lapses": expires_at, ":owner": owner},
        )

    def release(self, guard: str, owner: str) -> None:
        """Whoever comes next may take the request up where it broke off."""
        self._update(guard, "SET held_until = :now", "held_by = :owner", {":now": 0, ":owner": owner})

    def discard(self, guard: str, owner: str) -> None:
        """As if the request had never been sent."""
        self._delete(guard, "held_by = :owner", {":owner": owner})

    # ------------------------------------------------------------ erasure

    def delete(self, guards: Iterable[str]) -> None:
        """Delete items by their keys. Idempotent."""
        for guard in guards:
            self._database.client.delete_item(TableName=self._table, Key={"guard": guard})

    # ------------------------------------------------------------ one conditional write

    def _update(self, guard: str, update: str, condition: str, values: Item) -> _Update:
        try:
            answer = self._database.client.update_item(
                TableName=self._table,
                Key={"guard": guard},
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if not is_condition_failure(error):
                raise
            return _Update(applied=False, item=_item_of(error))
        return _Update(applied=True, item=answer["Attributes"])

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


def _item_of(error: ClientError) -> Item:
    """The item that made a condition fail; boto3 leaves it in DynamoDB's own form. Empty where there is none."""
    found: Mapping[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
    deserializer = TypeDeserializer()
    return {name: deserializer.deserialize(value) for name, value in found.items()}


def _is_full(item: Item, limit: int, now_ms: int) -> bool:
    return bool(item) and int(item["ends_at"]) > now_ms and int(item["taken"]) >= limit


def _window(update: _Update) -> WindowState:
    return WindowState(update.applied, int(update.item["taken"]), int(update.item["ends_at"]))


def _record(item: Item) -> RequestRecord:
    return RequestRecord(str(item["seed"]), str(item["fingerprint"]), int(item["tries"]), item.get("answer"))


def rate_guard(scope: str, who: str) -> str:
    """Where the requests of one user or one address within a scope are counted."""
    return f"rate#{scope}#{who}"


def quota_guards(user_id: str, now: datetime) -> list[str]:
    """Where a user's own videos are counted, as far as it has not lapsed."""
    days = [
        (now.astimezone(UTC) - timedelta(seconds=age)).date()
        for age in range(0, _QUOTA_LIFETIME_SECONDS + 1, _DAY_SECONDS)
    ]
    return [_running_guard(user_id), *(_day_guard(user_id, day.isoformat()) for day in days)]


def _day_guard(user_id: str, day: str) -> str:
    return f"quota#day#{user_id}#{day}"


def _running_guard(user_id: str) -> str:
    return f"quota#running#{user_id}"


def _service_guard(reservation: QuotaReservation) -> str:
    return f"quota#service#{reservation.day}#{reservation.shard}"
