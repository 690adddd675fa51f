"""IAM actions and resources of calls."""

from typing import Any

import pytest

from tests.permissions.calls import Need, need_of_connection, needs_of
from tests.permissions.roles import allows, symbolic

KEYS = {"Delete": {"Objects": [{"Key": "videos/u/j.mp4"}, {"Key": "thumbnails/t/j.jpg"}]}}
WRITES = [
    {"Put": {"TableName": "a"}},
    {"Update": {"TableName": "b"}},
    {"Delete": {"TableName": "c"}},
    {"ConditionCheck": {"TableName": "d"}},
]


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("dynamodb", "GetItem", {"TableName": "a"}, ["dynamodb:GetItem table/a"]),
        ("dynamodb", "Query", {"TableName": "a", "IndexName": "i"}, ["dynamodb:Query table/a/index/i"]),
        ("dynamodb", "BatchGetItem", {"RequestItems": {"a": {}, "b": {}}}, [
            "dynamodb:BatchGetItem table/a", "dynamodb:BatchGetItem table/b",
        ]),
        ("dynamodb", "TransactWriteItems", {"TransactItems": WRITES}, [
            "dynamodb:PutItem table/a", "dynamodb:UpdateItem table/b", "dynamodb:DeleteItem table/c",
            "dynamodb:ConditionCheckItem table/d",
        ]),
        ("s3", "HeadObject", {"Bucket": "m", "Key": "uploads/u/x"}, ["s3:GetObject m/uploads/*"]),
        ("s3", "UploadPart", {"Bucket": "m", "Key": "videos/u/x"}, ["s3:PutObject m/videos/*"]),
        ("s3", "AbortMultipartUpload", {"Bucket": "m", "Key": "videos/u"}, ["s3:AbortMultipartUpload m/videos/*"]),
        ("s3", "DeleteObjects", {"Bucket": "m", **KEYS}, [
            "s3:DeleteObject m/videos/*", "s3:DeleteObject m/thumbnails/*",
        ]),
        ("s3", "ListObjectsV2", {"Bucket": "m", "Prefix": "uploads/u/"}, ["s3:ListBucket m with s3:prefix uploads/*"]),
        ("s3", "CopyObject", {"Bucket": "m", "Key": "x"}, ["s3:CopyObject m"]),
        ("states", "StopExecution", {"executionArn": "arn"}, ["states:StopExecution arn"]),
        ("cognito-idp", "AdminGetUser", {"UserPoolId": "p"}, ["cognito-idp:AdminGetUser p"]),
        ("secretsmanager", "GetSecretValue", {"SecretId": "s"}, ["secretsmanager:GetSecretValue s"]),
        ("kms", "Decrypt", {}, ["kms:Decrypt unknown"]),
    ],
)  # fmt: skip
def test_a_call_needs(service: str, operation: str, params: dict[str, Any], expected: list[str]) -> None:
    assert [f"{need.action} {need.resource}" for need in needs_of(service, operation, params)] == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://abc.execute-api.us-east-1.amazonaws.com/v1/@connections/xyz%3D",
        "http://127.0.0.1:4566/_aws/execute-api/abc/v1/@connections/xyz%3D",
    ],
)
def test_a_message_to_a_connection_needs_its_api_stage_and_method(url: str) -> None:
    assert need_of_connection("POST", url).resource == "abc/v1/POST/@connections/*"


@pytest.mark.parametrize(
    ("need", "expected"),
    [
        (Need("dynamodb:Query", "table/t-1/index/i"), "<Table.Arn>/index/i"),
        (Need("s3:PutObject", "b-1/videos/*"), "<Bucket.Arn>/videos/*"),
        (Need("s3:ListBucket", "b-1 with s3:prefix videos/*"), "<Bucket.Arn> with s3:prefix videos/*"),
        (Need("states:StartExecution", "arn:aws:states:us-east-1:0:stateMachine:m"), "<Machine>"),
        (
            Need("states:StopExecution", "arn:aws:states:us-east-1:0:execution:m:job"),
            "arn:aws:states:us-east-1:123456789012:execution:<Machine.Name>:*",
        ),
        (Need("secretsmanager:GetSecretValue", "secret"), "<Secret.Id>"),
        (Need("cognito-idp:AdminGetUser", "pool"), "<Pool.Arn>"),
        (
            Need("execute-api:ManageConnections", "api/v1/GET/@connections/*"),
            "arn:aws:execute-api:us-east-1:123456789012:<Api>/v1/GET/@connections/*",
        ),
    ],
)
def test_a_resource_is_written_as_in_the_template(need: Need, expected: str) -> None:
    names = {"t-1": "Table", "b-1": "Bucket", "secret": "Secret", "pool": "Pool", "api": "Api"}
    names["arn:aws:states:us-east-1:0:stateMachine:m"] = "Machine"
    assert symbolic(need, names) == Need(need.action, expected)


def test_an_unknown_resource_is_an_error() -> None:
    with pytest.raises(KeyError):
        symbolic(Need("dynamodb:GetItem", "table/another"), {})


@pytest.mark.parametrize(
    ("allowed", "needed", "expected"),
    [
        ("<B.Arn>/videos/*", "<B.Arn>/videos/*", True),
        ("<B.Arn>/*", "<B.Arn>/videos/*", True),
        ("<B.Arn>/videos/a*", "<B.Arn>/videos/*", False),
        ("<T.Arn>", "<T.Arn>/index/i", False),
        ("<T.Arn>/index/*", "<T.Arn>", False),
    ],
)
def test_a_pattern_allows(allowed: str, needed: str, expected: bool) -> None:
    assert allows(Need("a:B", allowed), Need("a:B", needed)) is expected
    assert not allows(Need("a:B", allowed), Need("a:C", needed))
