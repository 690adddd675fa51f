"""That moto refuses the same expressions when it is quick."""

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.fakes.aws import REGION, create_tables
from tests.fakes.quick_moto import quick_moto

KEY = {"user_id": {"S": "luna"}, "dream_id": {"S": "flight"}}
NAMES = {"#a": "a", "#b": "b"}
VALUES = {":one": {"N": "1"}, ":text": {"S": "text"}}


@pytest.mark.parametrize(
    ("expression", "refused"),
    [
        ("SET #a = :one SET #b = :one", True),
        ("SET #a = :one REMOVE #b REMOVE c", True),
        ("SET #a = :one ADD #b :one ADD c :one", True),
        ("SET #a = :one, #a = :text", True),
        ("SET #a = :one REMOVE #a", True),
        ("SET m.inner = :one, m = :text", True),
        ("SET #a = :one, m.missing = :text", True),
        ("SET dream_id = :text", True),
        ("SET #a = #b + :one", True),
        ("SET #a = :one, #b = if_not_exists(#b, :text) ADD c :one", False),
        ("SET #a = :one REMOVE #b", False),
    ],
)
def test_the_same_expressions_are_refused(expression: str, refused: bool) -> None:
    plain = _update(expression)
    with quick_moto():
        assert _update(expression) == plain
    assert ("ValidationException" in plain) is refused


def _update(expression: str) -> str:
    """Return the error, or the item after the update."""
    names = {name: value for name, value in NAMES.items() if name in expression}
    values = {name: value for name, value in VALUES.items() if name in expression}
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        create_tables(client)
        try:
            answer = client.update_item(
                TableName="DreamsTable",
                Key=KEY,
                UpdateExpression=expression,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            return str(error)
        return str(answer["Attributes"])
