"""Push changes from the tables' streams to connected clients.

Nothing here can delay a video: this is a separate consumer of the streams. A record counts as failed only if a retry
may help; then it and the records after it in the shard may reach a client twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import chain
from typing import NamedTuple, Self

from aws_lambda_powertools import Logger

from dreamvision.core.logging import log_unexpected
from dreamvision.database.client import Database, TableNames
from dreamvision.database.stream_records import StreamRecord, sequence_of
from dreamvision.queries.presenters import Presenter
from dreamvision.realtime.connections import ConnectionManager
from dreamvision.realtime.events import build_event
from dreamvision.realtime.gateway import PARALLEL, ConnectionGateway, ConnectionGoneError, ConnectionUnavailableError
from dreamvision.realtime.repository import Connection
from dreamvision.realtime.stream import Change, change_in
from dreamvision.videos.models import VideoRecord

logger = Logger()


class _Message(NamedTuple):
    """A change for every client of one user, and the sequence number of its record."""

    sequence: str
    change: Change


class _Delivery(NamedTuple):
    """The messages for one client, in order: pairs of a record's sequence number and the text."""

    connection: Connection
    texts: Sequence[tuple[str, str]]


class Broadcaster:
    """Sends changed rows to the clients of their user, who is the partition key of the row."""

    def __init__(
        self, connections: ConnectionManager, gateway: ConnectionGateway, presenter: Presenter, names: TableNames
    ) -> None:
        self._connections = connections
        self._gateway = gateway
        self._presenter = presenter
        self._names = names

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        database, gateway = Database.shared(), ConnectionGateway.shared()
        _ = (database.client, gateway.client)  # created here: creating a boto3 client is not thread-safe
        return cls(ConnectionManager.shared(), gateway, Presenter.shared(), database.names)

    def broadcast(self, records: Iterable[StreamRecord]) -> set[str]:
        """Send the changes in the records to the clients. Returns the sequence numbers of the failed records."""
        failed: set[str] = set()
        by_user = self._by_user(records, failed)
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            deliveries = list(pool.map(lambda user: self._deliveries(user, by_user[user], failed), by_user))
            for undelivered in pool.map(self._send, chain.from_iterable(deliveries)):
                failed.update(undelivered)
        return failed

    def _by_user(self, records: Iterable[StreamRecord], failed: set[str]) -> dict[str, list[_Message]]:
        by_user: dict[str, dict[str, _Message]] = defaultdict(dict)
        for record in records:
            try:
                change = change_in(record, self._names)
            except Exception as error:
                log_unexpected(logger, error)
                failed.add(sequence_of(record))
                continue
            if change is not None:
                messages = by_user[change.user_id]
                messages.pop(_coalescing_key(change), None)
                messages[_coalescing_key(change)] = _Message(sequence_of(record), change)
        return {user_id: list(messages.values()) for user_id, messages in by_user.items()}

    def _deliveries(self, user_id: str, messages: Sequence[_Message], failed: set[str]) -> list[_Delivery]:
        try:
            connections = self._connections.active_connections(user_id)
            if not connections:
                return []
            texts = [(message.sequence, build_event(message.change, self._presenter).text()) for message in messages]
        except Exception as error:
            log_unexpected(logger, error)
            failed.update(message.sequence for message in messages)
            return []
        return [_Delivery(connection, texts) for connection in connections]

    def _send(self, delivery: _Delivery) -> set[str]:
        """Send in order, up to the first failure. Returns the sequence numbers of the unsent messages."""
        for position, (_, text) in enumerate(delivery.texts):
            try:
                self._gateway.send(delivery.connection.connection_id, text)
            except ConnectionGoneError:
                self._connections.mark_stale(delivery.connection)
                return set()
            except ConnectionUnavailableError:
                logger.warning("a client could not be reached")
                return {sequence for sequence, _ in delivery.texts[position:]}
        return set()


def _coalescing_key(change: Change) -> str:
    """Return the key by which a batch is coalesced: every status change is kept, but only the latest progress."""
    return f"{change.job_id} {change.status}" if isinstance(change, VideoRecord) else change.dream_id
