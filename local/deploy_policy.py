"""Generate the IAM policy of the principal that deploys the stack, from the transformed template.

Writes ``docs/deploy-policy.json`` and the list of services in ``docs/AWS-SETUP.md`` (``make deploy-policy``). The
actions manage resources; none of them reads or writes the data in tables, buckets and user pools.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.settings import REPOSITORY
from local.transformed import Evaluation, transformed

# Names of the stacks in samconfig.toml; CloudFormation derives the names of most resources from them.
STACKS = "dreamvision-*"
POLICY_FILE = REPOSITORY / "docs" / "deploy-policy.json"
SETUP_PAGE = REPOSITORY / "docs" / "AWS-SETUP.md"
_BEGIN, _END = "<!-- services: make deploy-policy -->\n", "<!-- end of services -->"
_VERBS = ("Create*", "Delete*", "Get*", "List*", "Put*", "Update*", "TagResource", "UntagResource")


@dataclass(frozen=True)
class Service:
    """An AWS service: its name, the prefix of its actions, and a deploy's actions on ``resources`` and ``anywhere``.

    ``anywhere`` has the actions that cannot be restricted to a resource.
    """

    name: str
    prefix: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    anywhere: tuple[str, ...] = ()


def _named(service: str, *kinds: str) -> tuple[str, ...]:
    return tuple(f"arn:aws:{service}:*:*:{kind}{STACKS}" for kind in kinds)


# By the middle part of a resource's type.
SERVICES: Mapping[str, Service] = {
    # The account's setting for access logs.
    "ApiGateway": Service("API Gateway", "apigateway", ("GET", "PATCH"), ("arn:aws:apigateway:*::/account",)),
    # HTTP verbs are the actions of API Gateway; its APIs are named by generated ids.
    "ApiGatewayV2": Service(
        "API Gateway", "apigateway", ("DELETE", "GET", "PATCH", "POST", "PUT", "TagResource", "UntagResource"),
        tuple(f"arn:aws:apigateway:*::/{kind}*" for kind in ("apis", "domainnames", "tags")),
    ),
    "CloudFront": Service("CloudFront", "cloudfront", _VERBS, ("*",)),
    "CloudWatch": Service(
        "CloudWatch", "cloudwatch", ("*Alarm*", "*Dashboard*", "ListTagsForResource", "TagResource", "UntagResource"),
        (*_named("cloudwatch", "alarm:"), f"arn:aws:cloudwatch::*:dashboard/{STACKS}"),
    ),
    # CloudFormation starts the deployments of aliases, and stops them when it rolls back, with the deployer's rights.
    "CodeDeploy": Service(
        "CodeDeploy", "codedeploy", (*_VERBS, "RegisterApplicationRevision", "StopDeployment"),
        (*_named("codedeploy", "application:", "deploymentgroup:"), "arn:aws:codedeploy:*:*:deploymentconfig:*"),
    ),
    "Cognito": Service(
        "Cognito", "cognito-idp",
        ("*UserPool", "*UserPoolClient", "*UserPoolMfaConfig", "ListTagsForResource", "TagResource", "UntagResource"),
        ("*",),
    ),
    "DynamoDB": Service(
        "DynamoDB", "dynamodb",
        ("CreateTable", "DeleteTable", "Describe*", "GetResourcePolicy", "ListTagsOfResource", "TagResource",
         "UntagResource", "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"),
        _named("dynamodb", "table/"),
    ),
    "Events": Service(
        "EventBridge", "events",
        ("DeleteRule", "DescribeRule", "List*", "PutRule", "PutTargets", "RemoveTargets", "TagResource",
         "UntagResource"),
        _named("events", "rule/"),
    ),
    "IAM": Service(
        "IAM roles", "iam",
        ("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "GetRole",
         "GetRolePolicy", "List*", "PassRole", "PutRolePolicy", "TagRole", "UntagRole", "UpdateAssumeRolePolicy",
         "UpdateRole*"),
        (f"arn:aws:iam::*:role/{STACKS}",),
    ),
    "Lambda": Service(
        "Lambda", "lambda",
        (*_VERBS, "AddPermission", "RemovePermission", "Publish*"),
        (*_named("lambda", "function:", "layer:"), "arn:aws:lambda:*:*:event-source-mapping:*"),
        ("CreateEventSourceMapping", "ListEventSourceMappings"),
    ),
    # Deliveries of logs, which state machines set up with the deployer's rights, cannot be restricted to a resource.
    "Logs": Service(
        "CloudWatch Logs", "logs",
        ("*LogDelivery", "*LogGroup*", "*MetricFilter*", "*ResourcePolic*", "*RetentionPolicy", "ListLogDeliveries",
         "ListTagsForResource", "TagResource", "UntagResource"),
        ("*",),
    ),
    "S3": Service(
        "S3", "s3",
        ("CreateBucket", "DeleteBucket*", "GetBucket*", "Get*Configuration", "ListBucket", "PutBucket*",
         "Put*Configuration"),
        (f"arn:aws:s3:::{STACKS}",),
    ),
    "SNS": Service("SNS", "sns", ("*Topic*", "*ubscri*", "ListTagsForResource", "*agResource"), _named("sns", "")),
    "SQS": Service(
        "SQS", "sqs",
        ("CreateQueue", "DeleteQueue", "GetQueue*", "ListQueueTags", "SetQueueAttributes", "TagQueue", "UntagQueue"),
        _named("sqs", ""),
    ),
    # Names of secrets begin with their logical ids.
    "SecretsManager": Service(
        "Secrets Manager", "secretsmanager",
        ("CreateSecret", "DeleteSecret", "DescribeSecret", "TagResource", "UntagResource", "UpdateSecret"),
        (),
        ("GetRandomPassword",),
    ),
    "StepFunctions": Service(
        "Step Functions", "states",
        ("Create*", "DeleteStateMachine*", "DescribeStateMachine*", "ListTagsForResource", "TagResource",
         "UntagResource", "UpdateStateMachine*"),
        _named("states", "stateMachine:"),
        ("ValidateStateMachineDefinition",),
    ),
    "WAFv2": Service("WAF", "wafv2", (*_VERBS, "AssociateWebACL", "DisassociateWebACL"), ("*",)),
}  # fmt: skip

# What `sam deploy` itself needs: change sets of the stack and of SAM's own one, the transform, the bucket of packages.
_SAM = [
    {
        "Sid": "Stacks",
        "Effect": "Allow",
        "Action": "cloudformation:*",
        "Resource": [
            f"arn:aws:cloudformation:*:*:stack/{STACKS}",
            "arn:aws:cloudformation:*:*:stack/aws-sam-cli-managed-default/*",
            "arn:aws:cloudformation:*:aws:transform/Serverless-2016-10-31",
        ],
    },
    {
        "Sid": "TemplateSummary",
        "Effect": "Allow",
        "Action": ["cloudformation:GetTemplateSummary", "cloudformation:ValidateTemplate"],
        "Resource": "*",
    },
    {
        "Sid": "Packages",
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::aws-sam-cli-managed-default-*", "arn:aws:s3:::aws-sam-cli-managed-default-*/*"],
    },
]


def resources_of_the_stack() -> dict[str, dict[str, Any]]:
    """Return the transformed template's resources, with all that parameters can add."""
    everything = {"HostPage": "true", "ProtectData": "true", "Canary": "true", "AlarmEmail": "operator@example.com"}
    return Evaluation(transformed(everything), everything).resources()


def services_of(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the services whose resources the stack has, and CloudFormation, as users know them.

    Raises:
        KeyError: a resource's service is not in ``SERVICES``.
    """
    kinds = {resource["Type"].split("::")[1] for resource in resources.values()}
    return sorted({SERVICES[kind].name for kind in kinds} | {"CloudFormation"})


def policy_of(resources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the policy document.

    Raises:
        KeyError: a resource's service is not in ``SERVICES``.
    """
    named: dict[str, set[str]] = defaultdict(set)
    for name, resource in resources.items():
        kind = resource["Type"].split("::")[1]
        named[kind].update(SERVICES[kind].resources)
        if resource["Type"] == "AWS::SecretsManager::Secret":
            named[kind].add(f"arn:aws:secretsmanager:*:*:secret:{name}-*")
    statements = [
        {
            "Sid": kind,
            "Effect": "Allow",
            "Action": [f"{SERVICES[kind].prefix}:{action}" for action in sorted(SERVICES[kind].actions)],
            "Resource": sorted(found),
        }
        for kind, found in sorted(named.items())
    ]
    anywhere = [f"{SERVICES[kind].prefix}:{action}" for kind in sorted(named) for action in SERVICES[kind].anywhere]
    statements.append({"Sid": "Unrestricted", "Effect": "Allow", "Action": anywhere, "Resource": ["*"]})
    return {"Version": "2012-10-17", "Statement": [*_SAM, *statements]}


def render() -> tuple[str, str]:
    """Return the contents of the policy file and of the setup page."""
    resources = resources_of_the_stack()
    page = SETUP_PAGE.read_text()
    head, begin, rest = page.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"{SETUP_PAGE} has no place for the list of services")
    listed = "".join(f"   {line}\n" for line in _wrapped(", ".join(services_of(resources)) + "."))
    return json.dumps(policy_of(resources), indent=2) + "\n", f"{head}{_BEGIN}{listed}   {_END}{tail}"


def _wrapped(text: str, width: int = 117) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


def main() -> None:
    policy, page = render()
    POLICY_FILE.write_text(policy)
    SETUP_PAGE.write_text(page)
    print(policy, end="")


if __name__ == "__main__":
    main()
