"""AWS for integration tests: moto, with the tables and the bucket as template.yaml declares them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import boto3
from moto import mock_aws

from dreamvision.database.client import Database, TableNames
from local.cloudformation_yaml import load_template
from tests.conftest import REPOSITORY

REGION = "us-east-1"
MEDIA_BUCKET = "media-for-tests"
TABLES = {
    "ProfilesTable": "PROFILES_TABLE",
    "DreamsTable": "DREAMS_TABLE",
    "VideosTable": "VIDEOS_TABLE",
    "GuardsTable": "GUARDS_TABLE",
    "ConnectionsTable": "CONNECTIONS_TABLE",
}
CREATION = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")

ENVIRONMENT: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_XRAY_SDK_ENABLED": "false",
    "POWERTOOLS_SERVICE_NAME": "dreamvision",
    "MEDIA_BUCKET": MEDIA_BUCKET,
    "MEDIA_BASE_URL": "https://media.example.com",
    "VIDEO_KEY_SECRET": "dreamvision/video-key",
    "USER_POOL_ID": "us-east-1_test",
    "USER_POOL_CLIENT_ID": "test-client",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:dream_to_video",
    "ERASURE_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:erase",
    "CURSOR_SECRET": "cursor-secret",
    "NOTIFICATION_TASKS_QUEUE": f"https://sqs.{REGION}.amazonaws.com/123456789012/NotificationTasks",
    "EXPO_BASE_URL": "https://exp.host",
    "POLL_FIRST_WAIT": "20",
    "POLL_INTERVAL": "5",
    "CONFIRM_EMAIL": "false",
    "CONNECTIONS_ENDPOINT": "https://sockets.execute-api.us-east-1.amazonaws.com/v1",
    **{variable: logical_id for logical_id, variable in TABLES.items()},
}


@cache
def template() -> dict[str, Any]:
    """Return template.yaml with every intrinsic function in its long form. Shared; do not modify."""
    return load_template((REPOSITORY / "template.yaml").read_text())


def create_tables(client: Any) -> None:
    """Create the tables as template.yaml declares them, with their logical ids as names."""
    resources = template()["Resources"]
    for logical_id in TABLES:
        declared = resources[logical_id]["Properties"]
        client.create_table(TableName=logical_id, **{name: declared[name] for name in CREATION if name in declared})


@cache
def _session() -> boto3.Session:
    return boto3.Session(region_name=REGION)


@cache
def _client(service: Literal["dynamodb", "s3"]) -> Any:
    """Return a client for the preparation of tests; what is tested has clients of its own."""
    return _session().client(service)


@contextmanager
def aws() -> Iterator[Database]:
    """Run moto with the tables and the media bucket; yield the database that the layer's code uses."""
    with mock_aws():
        # moto has discarded the former one. A session takes as long to create as the tables.
        boto3.DEFAULT_SESSION = _session()
        create_tables(_client("dynamodb"))
        _client("s3").create_bucket(Bucket=MEDIA_BUCKET)
        yield Database(TableNames.from_environment(ENVIRONMENT))


class Capacity:
    """The capacity that a client's calls consume, in read and write units, as DynamoDB reports it."""

    def __init__(self, database: Database) -> None:
        self.reads: list[tuple[str, float]] = []
        self.writes: list[tuple[str, float]] = []
        events = database.client.meta.events
        events.register("before-parameter-build.dynamodb.*", _ask_for_capacity)
        events.register("after-call.dynamodb.*", self._note)

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        found = parsed.get("ConsumedCapacity", [])
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            # A rejected write consumes what it read: a unit for these small items. The response does not report it.
            found = {"CapacityUnits": 1.0}
        units = sum(each["CapacityUnits"] for each in (found if isinstance(found, list) else [found]))
        reading = model.name in ("GetItem", "Query", "BatchGetItem", "TransactGetItems", "Scan")
        (self.reads if reading else self.writes).append((model.name, units))

    @property
    def read_units(self) -> float:
        return sum(units for _, units in self.reads)

    @property
    def write_units(self) -> float:
        return sum(units for _, units in self.writes)


_ASKED = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "TransactWriteItems")


def _ask_for_capacity(params: dict[str, Any], model: Any, **_: Any) -> None:
    if model.name in _ASKED:
        params["ReturnConsumedCapacity"] = "TOTAL"
