"""Generate the IAM policy of the principal that deploys the stack, from the transformed template.

Writes ``docs/deploy-policy.json``, the same policy for one environment in ``.github/deploy-role.yaml``, and the list of
services in ``docs/AWS-SETUP.md`` (``make deploy-policy``). The actions manage resources; none of them reads or writes
the data in tables, buckets and user pools.
"""

import json
import textwrap
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.settings import REPOSITORY
from local.transformed import Evaluation, transformed

# Names of the stacks in samconfig.toml; CloudFormation derives the names of most resources from them.
STACKS = "dreamvision-*"
POLICY_FILE = REPOSITORY / "docs" / "deploy-policy.json"
ROLE_TEMPLATE = REPOSITORY / ".github" / "deploy-role.yaml"
SETUP_PAGE = REPOSITORY / "docs" / "AWS-SETUP.md"
_BEGIN, _END = "<!-- services: make deploy-policy -->\n", "<!-- end of services -->"
_ROLE_BEGIN, _ROLE_END = "# begin: make deploy-policy\n", "# end: make deploy-policy"
_VERBS = ("Create*", "Delete*", "Get*", "List*", "Put*", "Update*", "*agResource")


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
    # HTTP verbs are the actions of API Gateway, for tags too; its APIs are named by generated ids.
    "ApiGatewayV2": Service(
        "API Gateway", "apigateway",
        ("AddCertificateToDomain", "DELETE", "GET", "PATCH", "POST", "PUT", "RemoveCertificateFromDomain"),
        tuple(f"arn:aws:apigateway:*::/{kind}*" for kind in ("apis", "domainnames", "tags")),
    ),
    "CloudFront": Service("CloudFront", "cloudfront", _VERBS, ("*",)),
    "CloudWatch": Service(
        "CloudWatch", "cloudwatch", ("*Alarm*", "*Dashboard*", "ListTagsForResource", "*agResource"),
        (*_named("cloudwatch", "alarm:"), f"arn:aws:cloudwatch::*:dashboard/{STACKS}"),
    ),
    # CloudFormation starts the deployments of aliases, and stops them when it rolls back, with the deployer's rights.
    "CodeDeploy": Service(
        "CodeDeploy", "codedeploy", (*_VERBS, "RegisterApplicationRevision", "StopDeployment"),
        (*_named("codedeploy", "application:", "deploymentgroup:"), "arn:aws:codedeploy:*:*:deploymentconfig:*"),
    ),
    "Cognito": Service(
        "Cognito", "cognito-idp",
        ("*UserPool", "*UserPoolClient", "*UserPoolMfaConfig", "ListTagsForResource", "*agResource"),
        ("*",),
    ),
    "DynamoDB": Service(
        "DynamoDB", "dynamodb",
        ("CreateTable", "DeleteTable", "Describe*", "GetResourcePolicy", "ListTagsOfResource", "*agResource",
         "UpdateContinuousBackups", "UpdateTable", "UpdateTimeToLive"),
        _named("dynamodb", "table/"),
    ),
    "Events": Service(
        "EventBridge", "events",
        ("DeleteRule", "DescribeRule", "List*", "PutRule", "PutTargets", "RemoveTargets", "*agResource"),
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
         "ListTagsForResource", "*agResource"),
        ("*",),
    ),
    "Route53": Service(
        "Route 53", "route53",
        ("ChangeResourceRecordSets", "GetChange", "GetHostedZone", "ListResourceRecordSets"),
        ("arn:aws:route53:::hostedzone/*", "arn:aws:route53:::change/*"),
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
    "SecretsManager": Service(
        "Secrets Manager", "secretsmanager",
        ("CreateSecret", "DeleteSecret", "DescribeSecret", "*agResource", "UpdateSecret"),
        (),
        ("GetRandomPassword",),
    ),
    "StepFunctions": Service(
        "Step Functions", "states",
        ("Create*", "DeleteStateMachine*", "DescribeStateMachine*", "ListTagsForResource", "*agResource",
         "UpdateStateMachine*"),
        (),
        ("ValidateStateMachineDefinition",),
    ),
    "WAFv2": Service(
        "WAF", "wafv2",
        ("*ssociateWebACL", "*agResource", "CreateWebACL", "DeleteWebACL", "Get*", "List*", "UpdateWebACL"), ("*",),
    ),
}  # fmt: skip

# Generated names that begin with the logical id, without the stack's name (aws/aws-sam-cli#2022 for state machines).
NAMED_BY_LOGICAL_ID: Mapping[str, str] = {
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:*:*:secret:",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:*:*:stateMachine:",
}

# Roles that a service creates for itself, with the deployer's permission, at the account's first use:
# https://docs.aws.amazon.com/cognito/latest/developerguide/using-service-linked-roles.html (sending through SES) and
# https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html.
SERVICE_LINKED_ROLES: Mapping[str, str] = {
    "ApiGatewayV2": "ops.apigateway.amazonaws.com",
    "Cognito": "email.cognito-idp.amazonaws.com",
}

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
    everything = {
        **dict.fromkeys(("HostPage", "ProtectData", "ApiCloudFront", "Canary"), "true"),
        **{f"{name}Domain": f"{name.lower()}.example.com" for name in ("Api", "WebSocket", "Page", "Media")},
        **{f"{name}CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1" for name in ("", "Edge")},
        "HostedZoneId": "Z1",
        "AlarmEmail": "operator@example.com",
        "SentryDsn": "https://0123456789abcdef@example.com/1",
    }
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
        if prefix := NAMED_BY_LOGICAL_ID.get(resource["Type"]):
            named[kind].add(f"{prefix}{name}-*")
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
    services = [SERVICE_LINKED_ROLES[kind] for kind in sorted(SERVICE_LINKED_ROLES.keys() & named.keys())]
    if services:
        roles = [f"arn:aws:iam::*:role/aws-service-role/{service}/*" for service in services]
        action = "iam:CreateServiceLinkedRole"
        statements.append({"Sid": "ServiceLinkedRoles", "Effect": "Allow", "Action": [action], "Resource": roles})
    return {"Version": "2012-10-17", "Statement": [*_SAM, *statements]}


def for_environment(policy: Any) -> Any:  # noqa: ANN401 - any part of a policy
    """Return the policy with the stacks' names restricted to the parameter ``Environment`` of the role's template."""
    if isinstance(policy, dict):
        return {key: for_environment(each) for key, each in policy.items()}
    if isinstance(policy, list):
        return [for_environment(each) for each in policy]
    if STACKS in policy:
        return {"Fn::Sub": policy.replace(STACKS, STACKS.replace("*", "${Environment}*"))}
    return policy


def render() -> dict[Path, str]:
    """Return the generated files: the policy, the role's template, the setup page."""
    resources = resources_of_the_stack()
    policy = policy_of(resources)
    document = yaml.safe_dump({"PolicyDocument": for_environment(policy)}, sort_keys=False, width=1000)
    listed = "".join(f"{line}\n" for line in _wrapped(", ".join(services_of(resources)) + "."))
    return {
        POLICY_FILE: json.dumps(policy, indent=2) + "\n",
        ROLE_TEMPLATE: _filled(ROLE_TEMPLATE, _ROLE_BEGIN, _ROLE_END, textwrap.indent(document, " " * 6) + " " * 6),
        SETUP_PAGE: _filled(SETUP_PAGE, _BEGIN, _END, listed),
    }


def _filled(file: Path, begin: str, end: str, content: str) -> str:
    """Return the file's text with ``content`` between its two marks.

    Raises:
        ValueError: the file has no such marks.
    """
    head, found, rest = file.read_text().partition(begin)
    _, found_end, tail = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{file} has no place for what is generated")
    return f"{head}{begin}{content}{end}{tail}"


def _wrapped(text: str, width: int = 117) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


def main() -> None:
    files = render()
    for file, text in files.items():
        file.write_text(text)
    print(files[POLICY_FILE], end="")


if __name__ == "__main__":
    main()
