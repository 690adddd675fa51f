"""What CloudFormation receives: the template after the SAM transform, held against AWS's documentation."""

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from dreamvision.auth.tokens import SCOPE
from local.emulator.http_api import routes_of
from local.transformed import Evaluation, transformed
from tests.fakes.aws import template

PARAMETERS: dict[str, dict[str, Any]] = template()["Parameters"]
WEB_ORIGINS = "https://dreams.example,http://localhost:8081"


@cache
def deployed(**overrides: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a stack with these parameters, with everything evaluated but other resources' values."""
    return Evaluation(transformed(overrides), overrides).resources()


def api_body(**overrides: str) -> dict[str, Any]:
    body: dict[str, Any] = deployed(**overrides)["Api"]["Properties"]["Body"]
    return body


# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
def test_the_http_apis_cors_settings_reach_api_gateway_as_lists_and_numbers() -> None:
    cors = api_body(AllowedOrigins=WEB_ORIGINS)["x-amazon-apigateway-cors"]
    assert cors == {
        "allowOrigins": ["https://dreams.example", "http://localhost:8081"],
        "allowMethods": ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        "allowHeaders": ["authorization", "content-type", "idempotency-key", "if-none-match", "prefer"],
        "exposeHeaders": ["etag", "location", "preference-applied", "ratelimit", "ratelimit-policy", "retry-after"],
        "allowCredentials": False,
        "maxAge": 600,
    }


def test_the_buckets_cors_rule_has_the_same_origins() -> None:
    bucket = deployed(AllowedOrigins=WEB_ORIGINS)["MediaBucket"]["Properties"]
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == WEB_ORIGINS.split(",")


@pytest.mark.parametrize(
    "origins",
    [
        PARAMETERS["AllowedOrigins"]["Default"],
        WEB_ORIGINS,
        "http://localhost",
        "https://localhost:8081",
        "https://dreams.example,https://app.localhost",
        "http://127.0.0.1:4570",
        "https://127.8.9.10,https://dreams.example",
        "http://dreams.example",
    ],
)
def test_prod_allows_no_web_client_if_one_is_on_a_developers_machine(origins: str) -> None:
    for stage, expected in (("prod", ["https://none.invalid"]), ("dev", origins.split(","))):
        assert origins_of(Stage=stage, AllowedOrigins=origins) == expected


@pytest.mark.parametrize("origins", ["https://dreams.example", "https://dreams.example,https://d1.cloudfront.net:8443"])
def test_prod_allows_web_clients_over_https(origins: str) -> None:
    assert origins_of(Stage="prod", AllowedOrigins=origins) == origins.split(",")


def origins_of(**parameters: str) -> list[str]:
    """Return the origins of the HTTP API's CORS settings, which are also those of the bucket's."""
    resources = Evaluation(template(), parameters).value(
        {name: template()["Resources"][name]["Properties"] for name in ("Api", "MediaBucket")}
    )
    found: list[str] = resources["Api"]["DefinitionBody"]["x-amazon-apigateway-cors"]["allowOrigins"]
    assert resources["MediaBucket"]["CorsConfiguration"]["CorsRules"][0]["AllowedOrigins"] == found
    return found


def test_the_http_api_has_the_routes_of_the_functions_events_and_no_others() -> None:
    declared: dict[str, tuple[str, str | None, tuple[str, ...]]] = {}
    keys: Counter[str] = Counter()
    for name, function in template()["Resources"].items():
        for event in function.get("Properties", {}).get("Events", {}).values():
            if event["Type"] == "HttpApi":
                route = event["Properties"]
                key = f"{route['Method']} {route['Path']}"
                public = route.get("Auth", {}).get("Authorizer") == "NONE"
                declared[key] = (
                    f"{name}Aliaslive",
                    *((None, ()) if public else ("AccessToken", (SCOPE,))),
                )
                keys[key] += 1
    # With a DefinitionBody the transform lets a second event silently replace the first.
    assert {key: count for key, count in keys.items() if count > 1} == {}
    body = transformed()["Resources"]["Api"]["Properties"]["Body"]
    found = {route.key: (route.alias, route.authorizer, route.scopes) for route in routes_of(body)}
    assert found == declared


def test_warnings_do_not_fail_the_import_of_the_api() -> None:
    assert deployed()["Api"]["Properties"].get("FailOnWarnings", False) is False


def accepts(parameter: str, value: str) -> bool:
    """Return whether CloudFormation accepts a String parameter's value. ``AllowedPattern`` matches all of it."""
    return re.fullmatch(PARAMETERS[parameter]["AllowedPattern"], value) is not None


@pytest.mark.parametrize(
    "value",
    [
        "exp://localhost:19000",
        "http://localhost:8081,exp://localhost:19000",
        "*",
        "https://*",
        "https://dreams.example/",
        "https://dreams.example/app",
        "https://dreams.example, http://localhost:8081",
        "dreams.example",
        "",
    ],
)
def test_an_origin_that_an_http_api_refuses_is_refused_before_the_deploy(value: str) -> None:
    assert not accepts("AllowedOrigins", value)
    assert "exp://" in PARAMETERS["AllowedOrigins"]["ConstraintDescription"]


@pytest.mark.parametrize("value", [WEB_ORIGINS, "https://d111111abcdef8.cloudfront.net", "http://127.0.0.1:4570"])
def test_web_origins_are_accepted(value: str) -> None:
    assert accepts("AllowedOrigins", value)


def test_the_default_origins_are_accepted() -> None:
    assert accepts("AllowedOrigins", PARAMETERS["AllowedOrigins"]["Default"])


# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html: the rollback
# of a failed creation deletes resources with RetainExceptOnCreate, which deletion protection refuses.
KEPT = ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool", "AWS::S3::Bucket")


def protected(**overrides: str) -> dict[str, bool]:
    """Return which of the resources that hold data refuse their deletion."""
    found: dict[str, bool] = {}
    for name, resource in deployed(**overrides).items():
        if resource["Type"] in KEPT:
            properties = resource["Properties"]
            found[name] = properties.get("DeletionProtectionEnabled") is True
            found[name] |= properties.get("DeletionProtection") == "ACTIVE"
    return found


@pytest.mark.parametrize("stage", PARAMETERS["Stage"]["AllowedValues"])
def test_a_failed_first_deploy_can_be_rolled_back(stage: str) -> None:
    assert set(protected(Stage=stage, HostPage="true").values()) == {False}


def test_the_second_deploy_protects_tables_and_user_pool() -> None:
    found = protected(Stage="prod", ProtectData="true")
    assert {name for name, value in found.items() if not value} == {"MediaBucket"}, "S3 has no deletion protection"
    assert {
        "UserPool",
        "ProfilesTable",
        "DreamsTable",
        "VideosTable",
        "GuardsTable",
        "ConnectionsTable",
    } <= found.keys()


def test_what_holds_data_outlives_the_stack() -> None:
    for name, resource in deployed(HostPage="true").items():
        if resource["Type"] in KEPT:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_the_user_pools_tier_is_pinned_and_has_rotation_of_refresh_tokens() -> None:
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-sign-in-feature-plans.html
    assert deployed()["UserPool"]["Properties"]["UserPoolTier"] == "ESSENTIALS"
    assert deployed()["UserPoolClient"]["Properties"]["RefreshTokenRotation"]["Feature"] == "ENABLED"


def test_a_role_may_write_traces_once() -> None:
    for name, role in deployed().items():
        # The role of the access logs belongs to API Gateway and runs no code.
        if role["Type"] == "AWS::IAM::Role" and name != "ApiGatewayLogRole":
            policies = role["Properties"]["ManagedPolicyArns"]
            tracing = [arn.rpartition("/")[2] for arn in policies if "xray" in arn.lower()]
            assert tracing == ["AWSXrayWriteOnlyAccess"], name


def test_the_retention_of_logs_is_one_that_cloudwatch_accepts() -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    assert PARAMETERS["LogRetentionDays"]["AllowedValues"] == schema["properties"]["RetentionInDays"]["enum"]


def test_layers_of_two_stacks_have_different_names() -> None:
    for name, resource in transformed()["Resources"].items():
        if resource["Type"] == "AWS::Lambda::LayerVersion":
            assert "${AWS::StackName}" in str(resource["Properties"]["LayerName"]), name
