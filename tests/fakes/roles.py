"""The DynamoDB permissions of a function's role in template.yaml, enforced on the calls of a client.

moto grants everything. With this, a call that the role does not allow fails as it does on AWS.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from dreamvision.database.client import Database
from tests.fakes.aws import template

type Permission = tuple[str, str]
"""An action, and the logical id of a table or ``<table>/index/<name>``."""

_TRANSACTION_ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Check": "ConditionCheckItem"}


def permissions_of(function: str) -> set[Permission]:
    """Return what the role of ``<function>Function`` allows in DynamoDB."""
    statements = [
        statement
        for policy in template()["Resources"][f"{function}Function"]["Properties"].get("Policies", [])
        for statement in policy["Statement"]
    ]
    return {
        (action, _resource(each))
        for statement in statements
        for action in statement["Action"]
        for each in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
        if action.startswith("dynamodb:")
    }


def _resource(resource: dict[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return str(resource["Fn::Sub"]).replace(".Arn}", "").removeprefix("${")


@contextmanager
def role_of(function: str, database: Database) -> Iterator[set[Permission]]:
    """Enforce the role of ``<function>Function`` on the database's client; yield the permissions used so far.

    The tables have their logical ids as names (``tests/fakes/aws.py``).
    """
    allowed, used = permissions_of(function), set[Permission]()

    def check(params: dict[str, Any], model: Any, **_: Any) -> None:
        for needed in _needed(model.name, params):
            if needed not in allowed:
                denial = {"Error": {"Code": "AccessDeniedException", "Message": f"{function} may not {needed}"}}
                raise ClientError(denial, model.name)  # type: ignore[arg-type]
            used.add(needed)

    events = database.client.meta.events
    events.register("before-parameter-build.dynamodb.*", check)
    try:
        yield used
    finally:
        events.unregister("before-parameter-build.dynamodb.*", check)


def _needed(operation: str, params: dict[str, Any]) -> Iterator[Permission]:
    if operation == "TransactWriteItems":
        for write in params["TransactItems"]:
            ((kind, item),) = write.items()
            yield f"dynamodb:{_TRANSACTION_ACTIONS[kind.removeprefix('Condition')]}", item["TableName"]
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in params["RequestItems"]:
            yield f"dynamodb:{operation}", table
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield f"dynamodb:{operation}", params["TableName"] + index
