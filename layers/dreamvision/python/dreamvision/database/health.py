"""Health of the tables. The route is public, so results are cached for ten seconds."""

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal, Self

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from dreamvision.core.clock import utc_now
from dreamvision.database.client import Database
from dreamvision.schemas.base import Response, Timestamp

VERSION = "1.0.0"
_PROBE_SECONDS = 10.0

type TableStatus = Literal["ok", "error"]


class Health(Response):
    """The state of the API. `degraded`: the API is running but its database does not respond."""

    status: Literal["healthy", "degraded"]
    timestamp: Timestamp
    database: Literal["connected", "error"]
    version: str = Field(examples=[VERSION])


class DatabaseHealth(Response):
    """The status of each table, by role."""

    status: Literal["healthy", "error"]
    tables: dict[str, TableStatus] = Field(
        examples=[{"user_profiles": "ok", "dreams": "ok", "videos": "ok", "guards": "ok"}]
    )


class HealthCheck:
    """Checks the tables at most once in ten seconds per container."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._statuses: dict[str, TableStatus] = {}
        self._checked_at = float("-inf")

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return this process's instance, configured from the environment."""
        return cls(Database.shared())

    def overall(self) -> Health:
        healthy = self._is_healthy()
        return Health(
            status="healthy" if healthy else "degraded",
            timestamp=utc_now(),
            database="connected" if healthy else "error",
            version=VERSION,
        )

    def tables(self) -> DatabaseHealth:
        return DatabaseHealth(status="healthy" if self._is_healthy() else "error", tables=dict(self._statuses))

    def _is_healthy(self) -> bool:
        if self._monotonic() - self._checked_at >= _PROBE_SECONDS:
            names = self._database.names
            roles: Mapping[str, str] = {
                "user_profiles": names.profiles_table,
                "dreams": names.dreams_table,
                "videos": names.videos_table,
                "guards": names.guards_table,
            }
            self._statuses = {role: self._probe(name) for role, name in roles.items()}
            self._checked_at = self._monotonic()
        return all(status == "ok" for status in self._statuses.values())

    def _probe(self, table: str) -> TableStatus:
        try:
            status = self._database.client.describe_table(TableName=table)["Table"].get("TableStatus")
        except (ClientError, BotoCoreError):
            return "error"
        # A table serves requests while it is being updated.
        return "ok" if status in ("ACTIVE", "UPDATING") else "error"
