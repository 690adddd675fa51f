"""The deploy principal's policy and its description: generated from the transformed template, complete, valid."""

import json
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from local.deploy_policy import (
    NAMED_BY_LOGICAL_ID,
    POLICY_FILE,
    SERVICE_LINKED_ROLES,
    SERVICES,
    SETUP_PAGE,
    policy_of,
    render,
    resources_of_the_stack,
    services_of,
)

POLICY: dict[str, Any] = json.loads(POLICY_FILE.read_text())
# Permissions without an operation of the same name.
WITHOUT_OPERATION = {"iam:PassRole", "logs:*LogDelivery", "logs:ListLogDeliveries"}
# Their permissions are named after HTTP verbs and after parts of a bucket.
OTHER_NAMES = ("apigateway:", "s3:")
CLIENTS = {"states": "stepfunctions"}
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def test_policy_and_page_are_those_of_the_template() -> None:
    for file, text in render().items():
        assert file.read_text() == text, f"{file.name}: run make deploy-policy"


def test_every_resource_of_the_stack_is_covered() -> None:
    kinds = {resource["Type"].split("::")[1] for resource in resources_of_the_stack().values()}
    assert kinds <= {statement["Sid"] for statement in POLICY["Statement"]}
    assert {"CloudFormation", "SQS"} <= set(services_of(resources_of_the_stack()))


def test_an_unknown_service_is_reported() -> None:
    with pytest.raises(KeyError, match="Timestream"):
        policy_of({"Table": {"Type": "AWS::Timestream::Table"}})


def test_the_page_counts_the_secrets() -> None:
    secrets = [each for each in resources_of_the_stack().values() if each["Type"] == "AWS::SecretsManager::Secret"]
    assert f"creates {NUMBERS[len(secrets)]} secrets" in SETUP_PAGE.read_text()


def test_the_policy_fits_into_a_managed_policy() -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters without white space
    assert len(json.dumps(POLICY, separators=(",", ":"))) <= 6144


@pytest.mark.parametrize("kind", SERVICES)
def test_every_action_exists(kind: str) -> None:
    service = SERVICES[kind]
    if f"{service.prefix}:" in OTHER_NAMES:
        return
    create: Any = boto3.client
    client = create(CLIENTS.get(service.prefix, service.prefix), region_name="us-east-1")
    operations = client.meta.service_model.operation_names
    for action in (*service.actions, *service.anywhere):
        if f"{service.prefix}:{action}" not in WITHOUT_OPERATION:
            assert any(fnmatchcase(name, action) for name in operations), f"{service.prefix}:{action}"


def test_data_is_out_of_reach() -> None:
    statements = [statement for statement in POLICY["Statement"] if statement["Sid"] not in ("Packages", "Stacks")]
    allowed = [action for statement in statements for action in statement["Action"]]
    for forbidden in (
        "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:DeleteItem",
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "secretsmanager:GetSecretValue",
        "cognito-idp:ListUsers", "cognito-idp:AdminGetUser", "lambda:InvokeFunction", "states:StartExecution",
    ):  # fmt: skip
        assert not any(fnmatchcase(forbidden, pattern) for pattern in allowed), forbidden


# Generated names without the stack's name, by CloudFormation's own choice.
@pytest.mark.parametrize("kind", ["AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"])
def test_resources_whose_names_begin_with_their_logical_ids_are_covered(kind: str) -> None:
    (statement,) = [each for each in POLICY["Statement"] if each["Sid"] == kind.split("::")[1]]
    names = [name for name, each in resources_of_the_stack().items() if each["Type"] == kind]
    assert names
    for name in names:
        arn = f"{NAMED_BY_LOGICAL_ID[kind]}{name}-3ypO3dryEmXE"
        assert any(fnmatchcase(arn, pattern) for pattern in statement["Resource"]), name


def test_services_may_create_their_own_roles() -> None:
    (statement,) = [each for each in POLICY["Statement"] if each["Sid"] == "ServiceLinkedRoles"]
    assert statement["Action"] == ["iam:CreateServiceLinkedRole"]
    # API Gateway's is created with the account's first API, Cognito's with the first pool that sends through SES.
    roles = [f"arn:aws:iam::*:role/aws-service-role/{service}/*" for service in SERVICE_LINKED_ROLES.values()]
    assert statement["Resource"] == roles
    assert "email.cognito-idp.amazonaws.com" in SERVICE_LINKED_ROLES.values()
