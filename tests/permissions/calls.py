"""What a call of botocore needs: IAM actions, each on a resource.

The functions' processes of the local stack import this module, so it uses the standard library only.

Sources: AWS's Service Authorization Reference; for transactions
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html, for the parts of an upload
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Need(NamedTuple):
    """An IAM action on a resource, which is written as the service names it: ``table/dreams``, ``bucket/videos/*``.

    What varies from call to call is a ``*``: the rest of a key, an execution's name, a connection's id.
    """

    action: str
    resource: str


TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_S3_OBJECT = {
    "PutObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
    "GetObject": "GetObject",
    "HeadObject": "GetObject",
    "DeleteObject": "DeleteObject",
}
# The parameter that names the resource.
_NAMED_BY = {
    "states": ("executionArn", "stateMachineArn"),
    "cognito-idp": ("UserPoolId",),
    "secretsmanager": ("SecretId",),
    "sqs": ("QueueUrl",),
}
UNKNOWN = "unknown"
PREFIX = " with s3:prefix "


def needs_of(service: str, operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    """Yield what a call needs. ``service`` is the prefix of its IAM actions."""
    if service == "dynamodb":
        yield from _of_dynamodb(operation, params)
    elif service == "s3":
        yield from _of_s3(operation, params)
    else:
        names = (str(params[name]) for name in _NAMED_BY.get(service, ()) if name in params)
        yield Need(f"{service}:{operation}", next(names, UNKNOWN))


def need_of_connection(method: str, url: str) -> Need:
    """Return what a call about a WebSocket connection needs: ``<api>/<stage>/<METHOD>/@connections/*``."""
    parts = urlsplit(url)
    *before, stage = parts.path.partition("/@connections")[0].strip("/").split("/")
    # On AWS the API is the first label of the host name, on the emulator a folder.
    api = before[-1] if before else str(parts.hostname).partition(".")[0]
    return Need("execute-api:ManageConnections", f"{api}/{stage}/{method}/@connections/*")


def need_of_form(bucket: str, key: str) -> Need:
    """Return what a presigned form needs when it is posted."""
    return Need("s3:PutObject", f"{bucket}/{_folder(key)}")


def _of_dynamodb(operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    if operation == "TransactWriteItems":
        for write in params["TransactItems"]:
            ((kind, item),) = write.items()
            yield Need(f"dynamodb:{TRANSACTION[kind]}", f"table/{item['TableName']}")
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in params["RequestItems"]:
            yield Need(f"dynamodb:{operation}", f"table/{table}")
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield Need(f"dynamodb:{operation}", f"table/{params.get('TableName', UNKNOWN)}{index}")


def _of_s3(operation: str, params: Mapping[str, Any]) -> Iterator[Need]:
    bucket = params.get("Bucket", UNKNOWN)
    if operation in _S3_OBJECT:
        yield Need(f"s3:{_S3_OBJECT[operation]}", f"{bucket}/{_folder(params['Key'])}")
    elif operation == "DeleteObjects":
        for each in params["Delete"]["Objects"]:
            yield Need("s3:DeleteObject", f"{bucket}/{_folder(each['Key'])}")
    elif operation == "ListObjectsV2":
        # The condition key of the same name is part of the resource here.
        yield Need("s3:ListBucket", f"{bucket}{PREFIX}{_folder(params.get('Prefix', ''))}")
    else:
        yield Need(f"s3:{operation}", str(bucket))


def _folder(key: str) -> str:
    return f"{key.partition('/')[0]}/*"
