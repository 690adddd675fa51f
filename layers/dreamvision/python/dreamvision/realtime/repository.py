"""``connections``: the open WebSocket connections of every user, kept until they close.

API Gateway ends a connection after two hours, and its ``$disconnect`` is not certain to arrive; rows that are left over
expire. There is no index by connection: whoever has one has its user too, from the verified token.
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

# API Gateway's longest connection, 2 h, and ten minutes for clocks and for the last messages.
LIFETIME_SECONDS = 2 * 3600 + 600


class ConnectionSettings(Config):
    """The table, which only the functions of the WebSocket API know."""

    connections_table: str


class Connection(BaseModel):
    """A row of ``connections``. ``session_id`` and ``issued_at`` (Unix seconds) are those of the token it came with."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    connection_id: str
    session_id: str
    issued_at: int
    connected_at: datetime


class ConnectionRepository:
    """The connections of one user at a time."""

    def __init__(self, database: Database, table: str, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._table = table
        self._clock = clock

    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one of this process, set up from the environment."""
        return cls(Database.shared(), ConnectionSettings.from_environment().connections_table)

    def add(self, connection: Connection) -> None:
        row = connection.model_dump() | {"connected_at": to_text(connection.connected_at)}
        row["expires_at"] = int(connection.connected_at.timestamp()) + LIFETIME_SECONDS
        self._database.client.put_item(TableName=self._table, Item=row)

    def list_by_user(self, user_id: str) -> list[Connection]:
        """All of a user's connections, by a consistent read: one that was added before is never missed."""
        answer = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ConsistentRead=True,
        )
        # DynamoDB removes expired rows within days, not at once.
        now = self._clock()
        return [Connection.model_validate(item) for item in answer["Items"] if _expiry(item) > now]

    def remove(self, user_id: str, connection_id: str) -> None:
        """Harmless when it is gone."""
        self._database.client.delete_item(
            TableName=self._table, Key={"user_id": user_id, "connection_id": connection_id}
        )

    def remove_all(self, user_id: str) -> None:
        """Remove every connection of a user, those that are only left over included."""
        answer = self._database.client.query(
            TableName=self._table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": user_id},
            ProjectionExpression="connection_id",
            ConsistentRead=True,
        )
        for item in answer["Items"]:
            self.remove(user_id, str(item["connection_id"]))


def _expiry(item: Item) -> int:
    return int(item["expires_at"])
