"""The tables of template.yaml in an emulator of DynamoDB whose transactions are isolated and whose capacity is metered.

moto takes one call at a time and meters nothing; what has to be exact under concurrency, or cheap, is shown here.
"""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config

from dreamvision.tables.database import Database, TableNames
from local import processes
from local.cloudformation_yaml import load_template
from tests.conftest import REPOSITORY

_ROLES = {
    "profiles_table": "ProfilesTable",
    "dreams_table": "DreamsTable",
    "videos_table": "VideosTable",
    "guards_table": "GuardsTable",
}
_KEPT = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running emulator."""
    folder = tmp_path_factory.mktemp("emulator")
    port = _free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = kept | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "STATE_DIR": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    log = folder / "emulator.log"
    process = processes.start([sys.executable, "-m", "ministack"], environment, log, Path(folder))
    try:
        url = f"http://127.0.0.1:{port}"
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
def database(emulator: str) -> Database:
    """Fresh tables with the keys and indexes of the template."""
    resource: Any = boto3.resource(
        "dynamodb",
        endpoint_url=emulator,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(max_pool_connections=120, retries={"mode": "standard", "total_max_attempts": 4}),
    )
    resources = load_template((REPOSITORY / "template.yaml").read_text())["Resources"]
    names = {role: f"{logical_id}-{uuid4().hex[:12]}" for role, logical_id in _ROLES.items()}
    for role, logical_id in _ROLES.items():
        properties = {name: value for name, value in resources[logical_id]["Properties"].items() if name in _KEPT}
        resource.meta.client.create_table(TableName=names[role], **properties)
    return Database(TableNames(**names), resource.meta.client)


class Meter:
    """Counts what every request to DynamoDB costs, through botocore's own events: the product asks for no figures."""

    def __init__(self, database: Database) -> None:
        self.units: list[tuple[str, str, float]] = []
        self._lock = threading.Lock()
        events = database.client.meta.events
        events.register("provide-client-params.dynamodb.*", self._ask)
        events.register("after-call.dynamodb.*", self._read)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _read(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        found = parsed.get("ConsumedCapacity", [])
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            # A refused write costs what it would have written: the small items at hand one unit. Not in the answer.
            found = [{"TableName": "", "CapacityUnits": 1.0}]
        with self._lock:
            for capacity in found if isinstance(found, list) else [found]:
                self.units.append((model.name, capacity["TableName"], float(capacity["CapacityUnits"])))

    def written(self) -> float:
        """Write units so far: everything that is no read."""
        reads = ("GetItem", "Query", "BatchGetItem", "Scan")
        return sum(units for operation, _, units in self.units if operation not in reads)


@pytest.fixture
def meter(database: Database) -> Meter:
    return Meter(database)


def guards(database: Database) -> dict[str, dict[str, Any]]:
    """Every item of the guards table by its key."""
    items = database.client.scan(TableName=database.names.guards_table, ConsistentRead=True)["Items"]
    return {str(item["guard"]): item for item in items}
