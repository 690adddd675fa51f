"""Telling connected clients what changed, from the streams of the tables.

Nothing here can hold up a video: the streams have a consumer of their own. A record counts as failed only where trying
again may help; then it, and what follows it in the shard, may reach a client twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.core.logging import log_unexpected
from dreamvision.database.client import Database, TableNames
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.connections import ConnectionManager
from dreamvision.realtime.events import build_event
from dreamvision.realtime.gateway import PARALLEL, ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError
from dreamvision.realtime.repository import Connection
from dreamvision.realtime.stream import Change, StreamRecord, change_in, sequence_of
from dreamvision.videos.models import VideoRecord

logger = Logger()


class _Message(NamedTuple):
    """A change for every client of one user, and the record that it came from."""

    sequence: str
    change: Change


class _Delivery(NamedTuple):
    """What one client is to be sent, in this order: texts by the records that they came from."""

    connection: Connection
    texts: Sequence[tuple[str, str]]


class Broadcaster:
    """Sends changes to the clients of those whose rows changed: the user is the key of the row."""

    def __init__(
        self, switchboard: ConnectionManager, sockets: ConnectionGateway, views: Presenter, names: TableNames
    ) -> None:
        self._switchboard = switchboard
        self._sockets = sockets
        self._views = views
        self._names = names

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        database, sockets = Database.shared(), ConnectionGateway.shared()
        _ = (database.client, sockets.client)  # made here, since making one is not safe in threads
        return cls(ConnectionManager.shared(), sockets, Presenter.shared(), database.names)

    def broadcast(self, records: Iterable[StreamRecord]) -> set[str]:
        """Send what the records say. Returns the sequence numbers of those that failed."""
        failed: set[str] = set()
        by_user = self._by_user(records, failed)
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            deliveries = list(pool.map(lambda user: self._deliveries(user, by_user[user], failed), by_user))
            for undelivered in pool.map(self._send, [each for found in deliveries for each in found]):
                failed.update(undelivered)
        return failed

    def _by_user(self, records: Iterable[StreamRecord], failed: set[str]) -> dict[str, list[_Message]]:
        found: dict[str, dict[str, _Message]] = defaultdict(dict)
        for record in records:
            try:
                change = change_in(record, self._names)
            except Exception as error:
                log_unexpected(logger, error)
                failed.add(sequence_of(record))
                continue
            if change is not None:
                messages = found[change.user_id]
                messages.pop(_step(change), None)
                messages[_step(change)] = _Message(sequence_of(record), change)
        return {user_id: list(messages.values()) for user_id, messages in found.items()}

    def _deliveries(self, user_id: str, messages: Sequence[_Message], failed: set[str]) -> list[_Delivery]:
        try:
            listeners = self._switchboard.active_connections(user_id)
            if not listeners:
                return []
            texts = [(each.sequence, build_event(each.change, self._views).text()) for each in messages]
        except Exception as error:
            log_unexpected(logger, error)
            failed.update(each.sequence for each in messages)
            return []
        return [_Delivery(connection, texts) for connection in listeners]

    def _send(self, delivery: _Delivery) -> set[str]:
        """The sequence numbers of what did not go out. What follows a failure waits for it, to keep the order."""
        for position, (_, text) in enumerate(delivery.texts):
            try:
                self._sockets.send(delivery.connection.connection_id, text)
            except ConnectionGoneError:
                self._switchboard.mark_stale(delivery.connection)
                return set()
            except ConnectionUnavailableError:
                logger.warning("a client could not be reached")
                return {sequence for sequence, _ in delivery.texts[position:]}
        return set()


def _step(change: Change) -> str:
    """Of several changes of one batch with the same step only the last is news: every status, not every per cent."""
    return f"{change.job_id} {change.status}" if isinstance(change, VideoRecord) else change.dream_id
