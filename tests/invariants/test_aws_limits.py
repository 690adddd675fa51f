"""What CloudFormation receives, at the extremes of parameters and stack names, against documented limits."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local.transformed import transformed
from tests.fakes.resolved_template import (
    EVERYTHING,
    HIGHEST,
    LONGEST_STACK_NAME,
    evaluated,
    longest,
)

PARAMETERS: dict[str, dict[str, Any]] = transformed()["Parameters"]
RESOURCES = evaluated(HIGHEST)

# Lengths that the schemas of CloudFormation do not have, from the services' API references.
MAX_LENGTHS: dict[tuple[str, str], int] = {
    ("AWS::ApiGatewayV2::Api", "Name"): 128,
    ("AWS::ApiGatewayV2::Api", "Description"): 1024,
    ("AWS::CloudFront::CachePolicy", "CachePolicyConfig.Name"): 128,
    ("AWS::CloudFront::CachePolicy", "CachePolicyConfig.Comment"): 128,
    ("AWS::CloudFront::Distribution", "DistributionConfig.Comment"): 128,
    ("AWS::CloudFront::OriginAccessControl", "OriginAccessControlConfig.Name"): 64,
    ("AWS::CloudFront::ResponseHeadersPolicy", "ResponseHeadersPolicyConfig.Name"): 128,
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): 1024,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Events::Rule", "Description"): 512,
    ("AWS::Lambda::Function", "Description"): 256,
    ("AWS::Lambda::LayerVersion", "LayerName"): 140,
    ("AWS::SecretsManager::Secret", "Description"): 2048,
}
# Without a Region in their ARNs: stacks of all Regions share the names.
SHARED_NAMES = {
    "AWS::CloudFront::CachePolicy": "CachePolicyConfig.Name",
    "AWS::CloudFront::OriginAccessControl": "OriginAccessControlConfig.Name",
    "AWS::CloudFront::ResponseHeadersPolicy": "ResponseHeadersPolicyConfig.Name",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::IAM::Role": "RoleName",
    "AWS::S3::Bucket": "BucketName",
}
# Fractions of a second are harmless in them.
MAY_BE_FRACTIONS = {"PollDeadline"}


def of_type(kind: str, resources: Mapping[str, dict[str, Any]] = RESOURCES) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, each in resources.items():
        if each["Type"] == kind:
            yield name, each.get("Properties", {})


def at(properties: Any, path: str) -> Any:
    for part in path.split("."):
        properties = properties.get(part, {})
    return properties or None


@pytest.mark.parametrize(("kind", "path"), MAX_LENGTHS, ids=[f"{kind} {path}" for kind, path in MAX_LENGTHS])
def test_texts_with_the_longest_stack_name_fit(kind: str, path: str) -> None:
    found = {name: at(properties, path) for name, properties in of_type(kind)}
    assert found
    for name, text in found.items():
        assert text is None or len(longest(text)) <= MAX_LENGTHS[kind, path], name


@pytest.mark.parametrize("kind", SHARED_NAMES)
def test_stacks_of_two_regions_do_not_share_names(kind: str) -> None:
    def names(region: str, stack_id: int) -> list[tuple[str, Any]]:
        arn = f"arn:aws:cloudformation:{region}:123456789012:stack/dreamvision-prod/{stack_id}"
        pseudo = {"AWS::StackName": "dreamvision-prod", "AWS::Region": region, "AWS::StackId": arn}
        resources = of_type(kind, evaluated(EVERYTHING, pseudo))
        return [(name, at(properties, SHARED_NAMES[kind])) for name, properties in resources]

    first, second = names("us-east-1", 1), names("eu-central-1", 2)
    assert first
    assert not [name for (name, one), (_, other) in zip(first, second, strict=True) if one and one == other]
    given = [one for _, one in first if one]
    assert len(given) == len(set(given))


def test_groups_of_delivered_logs_do_not_fill_the_accounts_policy() -> None:
    # https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
    groups = dict(of_type("AWS::Logs::LogGroup"))
    machines = [
        destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
        for _, properties in of_type("AWS::StepFunctions::StateMachine")
        for destination in properties["LoggingConfiguration"]["Destinations"]
    ]
    # WebSocket APIs write with the role of the account's settings.
    http = [
        properties["AccessLogSettings"]["DestinationArn"]
        for _, properties in of_type("AWS::ApiGatewayV2::Stage")
        if properties["StageName"] == "$default"
    ]
    assert len(machines) == 2
    assert len(http) == 1
    for arn in machines + http:
        (name,) = re.findall(r"<(\w+)", arn)
        group = groups[name]["LogGroupName"]
        assert group.startswith(f"/aws/vendedlogs/{LONGEST_STACK_NAME}/"), name
        # CloudWatchLogsLogGroup of Step Functions: at most 256 characters.
        assert len(f"arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:{group}:*") <= 256, name


def test_no_parameter_accepts_a_fraction_where_a_whole_number_is_needed() -> None:
    numbers = {name for name, each in PARAMETERS.items() if each["Type"] == "Number" and "AllowedValues" not in each}
    assert numbers == MAY_BE_FRACTIONS
    whole = {name: each for name, each in PARAMETERS.items() if str(each.get("Default", "")).isdigit()}
    for name in whole.keys() - MAY_BE_FRACTIONS:
        values = whole[name].get("AllowedValues")
        pattern = "|".join(map(str, values)) if values else whole[name]["AllowedPattern"]
        assert re.fullmatch(pattern, str(whole[name]["Default"])), name
        for wrong in ("2.5", "-1", "", "1e3", "05", " 5"):
            assert not re.fullmatch(pattern, wrong), (name, wrong)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("PollFirstWait", 0, 600),
        ("EraseGrace", 1, 3600),
        ("VideoExpiryDays", 0, 3650),
        ("FreeVideosPerDay", 0, 9999999),
        ("SessionDays", 8, 3650),
        ("PasswordLength", 8, 64),
    ],
)
def test_whole_numbers_have_their_bounds(name: str, least: int, most: int) -> None:
    pattern = PARAMETERS[name]["AllowedPattern"]
    for number in {*range(min(most, 4000) + 1), most}:
        assert bool(re.fullmatch(pattern, str(number))) == (number >= least), number
    assert not re.fullmatch(pattern, str(most + 1))


@pytest.mark.parametrize(("address", "accepted"), [("", True), ("operator@example.com", True), ("operator", False)])
def test_a_subscription_has_an_address(address: str, accepted: bool) -> None:
    # SNS refuses others, which would fail the whole deploy.
    assert bool(re.fullmatch(PARAMETERS["AlarmEmail"]["AllowedPattern"], address)) is accepted


def test_the_environment_of_a_function_fits() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 4 KB. Half a kilobyte is left for hosts.
    for name, properties in of_type("AWS::Lambda::Function"):
        assert len(longest(properties["Environment"]["Variables"])) <= 4096 - 512, name


def test_the_policies_of_a_role_fit() -> None:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    for name, properties in of_type("AWS::IAM::Role"):
        documents = [each["PolicyDocument"] for each in properties.get("Policies", [])]
        assert sum(len(longest(document)) for document in documents) <= 10240, name
        assert len(longest(properties["AssumeRolePolicyDocument"])) <= 2048, name
        assert len(properties["ManagedPolicyArns"]) <= 10, name


def test_the_resource_policy_of_a_function_fits() -> None:
    # 20 KB. A statement has what its permission has, an id of 36 characters and the function's ARN.
    sizes: Counter[str] = Counter()
    for _, properties in of_type("AWS::Lambda::Permission"):
        sizes[properties["FunctionName"]] += len(longest(properties)) + 200
    assert max(sizes.values()) <= 20480


def test_rules_alarms_and_layers_keep_their_counts() -> None:
    for name, properties in of_type("AWS::Events::Rule"):
        assert len(properties["Targets"]) <= 5, name
    for name, properties in of_type("AWS::CloudWatch::Alarm"):
        metrics = properties.get("Metrics", [{"MetricStat": properties}])
        period = max(each["MetricStat"]["Period"] for each in metrics if "MetricStat" in each)
        # A day, for periods below an hour.
        assert period * properties["EvaluationPeriods"] <= 86400, name
    for name, properties in of_type("AWS::Lambda::Function"):
        assert len(properties["Layers"]) <= 5, name


def test_the_template_fits() -> None:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    template = transformed(EVERYTHING)
    assert len(json.dumps(template)) <= 1_000_000
    assert len(template["Resources"]) <= 500
    assert len(template["Parameters"]) <= 200
    assert len(template["Outputs"]) <= 200
