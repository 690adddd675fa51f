"""The ``connections`` table: the open WebSocket connections of every user.

API Gateway closes a connection after two hours, and delivery of ``$disconnect`` is not guaranteed; orphaned rows
expire. There is no index by connection id: the user is always known from the verified token.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict

from dreamvision.core.clock import to_text
from dreamvision.core.config import Config
from dreamvision.database.client import Database, Item

# API Gateway's maximum of 2 h, plus ten minutes for clock skew and the last messages.
LIFETIME_SECONDS = 2 * 3600 + 600


class ConnectionSettings(Config):
    """The name of the table; set only for the functions of the WebSocket API."""

    connections_table: str


class Connection(BaseModel):
    """A row of ``connections``. ``session_id``, ``issued_at`` and ``exp`` (Unix seconds) are those of its access token.

    Rows from before an update have no ``exp``.
    """

    model_config = ConfigDict(frozen=True)

    user_id: str
    connection_id: str
    session_id: str
    issued_at: int
    exp: int | None = None
    connected_at: datetime


class ConnectionRepository:
    """Stores the connections of one user at a time."""

    def __init__(self, database: Database, table: str, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._table = table
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(Database.shared(), ConnectionSettings.from_environment().connections_table)

    def add(self, connection: Connection) -> None:
        """Store a connection. It expires after ``LIFETIME_SECONDS``."""
        row = connection.model_dump(exclude_none=True) | {"connected_at": to_text(connection.connected_at)}
        row["expires_at"] = int(connection.connected_at.timestamp()) + LIFETIME_SECONDS
        self._database.client.put_item(TableName=self._table, Item=row)

    def list_by_user(self, user_id: str) -> list[Connection]:
        """Return all of a user's connections, by a consistent read: none added before is missed."""
        response = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ConsistentRead=True,
        )
        # DynamoDB deletes expired rows only within days.
        now = self._clock()
        return [Connection.model_validate(item) for item in response["Items"] if _expiry(item) > now]

    def remove(self, user_id: str, connection_id: str) -> None:
        """Remove a connection. Idempotent."""
        self._database.client.delete_item(
            TableName=self._table, Key={"user_id": user_id, "connection_id": connection_id}
        )

    def remove_all(self, user_id: str) -> None:
        """Remove every connection of a user, including orphaned rows."""
        response = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ProjectionExpression="connection_id",
            ConsistentRead=True,
        )
        for item in response["Items"]:
            self.remove(user_id, str(item["connection_id"]))


def _expiry(item: Item) -> int:
    return int(item["expires_at"])
