"""The roles against what the tests have recorded, and who may assume a role or invoke a function.

The template as CloudFormation receives it. ``tests/permissions/inventory.py`` explains the recorded calls.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.permissions.calls import Need
from tests.permissions.exceptions import EXCEPTIONS
from tests.permissions.inventory import recorded, recorded_needs
from tests.permissions.roles import (
    ACCOUNT,
    Needs,
    as_list,
    forbidden,
    needs_of_definitions,
    permissions,
    resources,
    text,
    unused,
)

ROLES = {name: each["Properties"] for name, each in resources().items() if each["Type"] == "AWS::IAM::Role"}
INVOKERS = {name: each["Properties"] for name, each in resources().items() if each["Type"] == "AWS::Lambda::Permission"}


def needs() -> Needs:
    """What was recorded, and what the definitions of the state machines need."""
    return {**recorded_needs(), **needs_of_definitions()}


def test_every_role_is_known() -> None:
    functions = [name for name, each in resources().items() if each["Type"] == "AWS::Lambda::Function"]
    assert len(functions) >= 28
    assert set(permissions()) == {*functions, "DreamToVideo", "Erasure"}
    assert set(recorded()) <= set(functions)


def test_no_role_forbids_a_call() -> None:
    assert forbidden(needs()) == []


def test_every_permission_is_used_or_an_explained_exception() -> None:
    found = {name: each for name, each in unused(needs()).items() if each}
    unexplained = [
        f"{name} may {text(each)}, which nothing needs"
        for name, all_unused in found.items()
        for each in all_unused - EXCEPTIONS.get(name, {}).keys()
    ]
    assert sorted(unexplained) == []


def test_an_exception_is_a_permission_that_no_recorded_call_uses() -> None:
    found = unused(needs())
    obsolete = [
        f"{name}: {text(each)}"
        for name, exceptions in EXCEPTIONS.items()
        for each in exceptions
        if each not in found.get(name, frozenset())
    ]
    assert sorted(obsolete) == []
    assert all(reason.endswith(".") for exceptions in EXCEPTIONS.values() for reason in exceptions.values())


def test_a_missing_permission_is_found() -> None:
    # A video that is cancelled while Runway refuses it gives its day back.
    update = Need("dynamodb:UpdateItem", "<GuardsTable.Arn>")
    without = {**permissions(), "GenerateVideoFunction": permissions()["GenerateVideoFunction"] - {update}}
    assert forbidden(needs(), without) == [f"GenerateVideoFunction may not {text(update)}"]


def test_a_superfluous_permission_is_found() -> None:
    scan = Need("dynamodb:Scan", "<GuardsTable.Arn>")
    more = {**permissions(), "GenerateVideoFunction": permissions()["GenerateVideoFunction"] | {scan}}
    assert scan in unused(needs(), more)["GenerateVideoFunction"]


MANAGED = {
    # Lambda writes the logs with the function's role.
    "service-role/AWSLambdaBasicExecutionRole": {"lambda.amazonaws.com"},
    # Lambda and Step Functions write the traces. X-Ray has no resources.
    "AWSXrayWriteOnlyAccess": {"lambda.amazonaws.com", "states.amazonaws.com"},
    # AWS's policy for the account's setting: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    "service-role/AmazonAPIGatewayPushToCloudWatchLogs": {"apigateway.amazonaws.com"},
}


@pytest.mark.parametrize("name", ROLES)
def test_a_managed_policy_is_one_that_its_service_needs(name: str) -> None:
    (service,) = _trusted(ROLES[name])
    for arn in ROLES[name].get("ManagedPolicyArns", []):
        assert service in MANAGED[arn.partition(":policy/")[2]]


def test_a_star_as_a_resource_has_its_reason_beside_it() -> None:
    lines = (REPOSITORY / "template.yaml").read_text().splitlines()
    stars = [at for at, line in enumerate(lines) if re.search(r"Resource: *\[?[\"']?\*[\"']?\]?(?![\w:/])", line)]
    for at in stars:
        assert "#" in lines[at] or lines[at - 1].strip().startswith("#"), f"template.yaml:{at + 1}"
    # All of them, also if one is written in another way.
    assert len(stars) == sum("*" in as_list(each.get("Resource", [])) for each in _statements(template()["Resources"]))


def _statements(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every statement of every policy below ``node``."""
    if isinstance(node, list):
        for each in node:
            yield from _statements(each)
    elif isinstance(node, dict):
        if "Effect" in node:
            yield node
        for each in node.values():
            yield from _statements(each)


# Conditions against confused deputies, for the services that document them for their roles. Lambda does not: its roles
# (https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html) can only be passed within the account,
# and neither does API Gateway for the role of the account's logs.
CONDITIONS: dict[str, dict[str, Any]] = {
    "lambda.amazonaws.com": {},
    "apigateway.amazonaws.com": {},
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    "states.amazonaws.com": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT.partition(":")[2]},
        # The names of the state machines are generated after their role.
        "ArnLike": {"aws:SourceArn": f"arn:aws:states:{ACCOUNT}:stateMachine:*"},
    },
}


def _trusted(role: dict[str, Any]) -> list[str]:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"].keys() == {"Service"}
    return as_list(statement["Principal"]["Service"])


@pytest.mark.parametrize("name", ROLES)
def test_a_role_trusts_one_service_under_its_documented_conditions(name: str) -> None:
    (statement,) = ROLES[name]["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Effect"], as_list(statement["Action"])) == ("Allow", ["sts:AssumeRole"])
    (service,) = _trusted(ROLES[name])
    assert statement.get("Condition", {}) == CONDITIONS[service]


def _declared_invokers() -> set[tuple[str, str, str]]:
    """Return the function, service and source of everything in the template that invokes a function."""
    found: set[tuple[str, str, str]] = set()
    for name, each in resources().items():
        properties = each.get("Properties", {})
        if each["Type"] == "AWS::Events::Rule":
            targets = (_id(target["Arn"]) for target in properties["Targets"])
            found |= {(target, "events", f"<{name}.Arn>") for target in targets if target.endswith("Function")}
        elif each["Type"] == "AWS::Cognito::UserPool":
            triggers = properties["LambdaConfig"].values()
            arns = (each["LambdaArn"] if isinstance(each, dict) else each for each in triggers)
            found |= {(_id(arn), "cognito-idp", f"<{name}.Arn>") for arn in arns}
    for name, each in template()["Resources"].items():
        if each["Type"] == "AWS::Serverless::Function":
            events = each["Properties"].get("Events", {}).values()
            found |= {(name, "apigateway", _route(event)) for event in events if event["Type"] == "HttpApi"}
        elif each["Type"] == "AWS::Serverless::WebSocketApi":
            api = f"arn:aws:execute-api:{ACCOUNT}:<{name}"
            for key, route in each["Properties"]["Routes"].items():
                found.add((_alias(route["FunctionArn"]), "apigateway", f"{api}.ApiId>/v1/{key}"))
            authorizer = _alias(each["Properties"]["Auth"]["AuthArn"])
            # The id of the API's only authorizer does not exist yet when SAM writes this.
            found.add((authorizer, "apigateway", f"{api}>/authorizers/*"))
    return found


def _route(event: dict[str, Any]) -> str:
    """Return the source of an HTTP API's route. The API has one stage, which SAM writes as ``*``."""
    path = re.sub(r"\{\w+\}", "*", event["Properties"]["Path"])
    return f"arn:aws:execute-api:{ACCOUNT}:<Api>/*/{event['Properties']['Method']}{path}"


def _alias(reference: dict[str, str]) -> str:
    return reference["Ref"].removesuffix(".Alias")


def _id(reference: str) -> str:
    return reference.removeprefix("<").removesuffix(">").removesuffix(".Arn").removesuffix("Aliaslive")


def test_functions_may_be_invoked_by_what_the_template_names_and_nothing_else() -> None:
    assert _declared_invokers() == {
        (_id(each["FunctionName"]), each["Principal"].removesuffix(".amazonaws.com"), each["SourceArn"])
        for each in INVOKERS.values()
    }
    assert {each["Action"] for each in INVOKERS.values()} == {"lambda:InvokeFunction"}
    assert [name for name, each in resources().items() if each["Type"] == "AWS::Lambda::Url"] == []


def test_a_service_uses_a_queue_or_bucket_only_for_what_the_template_names() -> None:
    kinds = ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy")
    services = []
    for name, each in resources().items():
        for statement in _statements(each) if each["Type"] in kinds else []:
            if statement["Effect"] == "Allow":
                services.append(statement["Principal"]["Service"])
                (condition,) = statement["Condition"].values()
                ((key, sources),) = condition.items()
                assert key.lower() == "aws:sourcearn", name
                for source in as_list(sources):
                    assert "*" not in source, name
                    assert "<" in source, name
    assert sorted(set(services)) == ["cloudfront.amazonaws.com", "events.amazonaws.com"]
