"""The tables of template.yaml on MiniStack's DynamoDB, for tests of concurrency and of consumed capacity.

Its transactions are isolated and its capacity is metered; moto's are neither.
"""

import os
import socket
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from dreamvision.database.client import Database, TableNames
from local.stack import processes
from tests.fakes.aws import CREATION, ENVIRONMENT, REGION, TABLES, template


@pytest.fixture(scope="session")
def ministack_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running emulator."""
    folder = tmp_path_factory.mktemp("emulator")
    url = f"http://127.0.0.1:{_free_port()}"
    stored = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = stored | {
        "GATEWAY_PORT": url.rpartition(":")[2],
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "STATE_DIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    log = folder / "emulator.log"
    process = processes.start([sys.executable, "-m", "ministack"], environment, log, folder)
    try:
        processes.wait_until(lambda: processes.answers(f"{url}/_ministack/ready"), process, "The emulator", log, 60)
        yield url
    finally:
        processes.stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def ministack(ministack_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database of fresh tables, which the functions use as well."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    resource: Any = boto3.resource(
        "dynamodb",
        endpoint_url=ministack_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=120, retries={"mode": "standard", "total_max_attempts": 4}),
    )
    resources = template()["Resources"]
    suffix = uuid4().hex[:12]
    for logical_id in TABLES:
        declared = resources[logical_id]["Properties"]
        creation = {name: declared[name] for name in CREATION if name in declared}
        resource.meta.client.create_table(TableName=f"{logical_id}-{suffix}", **creation)
    names = {variable.lower(): f"{logical_id}-{suffix}" for logical_id, variable in TABLES.items()}
    names = {name: table for name, table in names.items() if name in TableNames.model_fields}
    database = Database(TableNames(**names), resource.meta.client)
    monkeypatch.setattr(Database, "shared", lambda: database)
    return database


def guard_items(database: Database) -> dict[str, dict[str, Any]]:
    """Return every item of the guards table by its key."""
    items = database.client.scan(TableName=database.names.guards_table, ConsistentRead=True)["Items"]
    return {str(item["guard"]): item for item in items}


def reservation_counts(database: Database) -> tuple[int, int, int]:
    """Return the total of all reservations: of days, of running videos, of the service's day."""
    items = guard_items(database)

    def total(kind: str) -> int:
        return sum(int(item["videos"]) for guard, item in items.items() if guard.startswith(f"quota#{kind}#"))

    return total("day"), total("running"), total("service")
