"""What one caller can take from all others: throttles by route, concurrent executions, the wait for an analysis."""

import re
from functools import cache
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from local.emulator.http_api import routes_of
from local.transformed import Evaluation, transformed
from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.invariants.test_template import PUBLIC_ROUTES

# Spend money, or accept uploads.
COSTLY_ROUTES = {
    "POST /api/v1/dreams/analyze",
    "POST /api/v1/dreams/generate-video",
    "POST /api/v1/videos/generate",
    "POST /api/v1/storage/thumbnails",
}
# Limited by session, and needed by every phone every hour: the default throttle applies.
REFRESH = "POST /api/v1/auth/refresh"
# The functions of each parameter.
RESERVED = {
    "WaitingConcurrency": {"ApiDreamsFunction", "ApiAnalyzeDreamFunction"},
    "WorkflowConcurrency": {"AnalyzeDreamFunction", "ArchiveVideoFunction"},
    "ImageConcurrency": {"ImageUploadedFunction"},
    "AuthorizerConcurrency": {"RealtimeAuthorizeFunction"},
}
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html: what a reservation must leave to others.
UNRESERVED = 100
SETUP = (REPOSITORY / "docs" / "AWS-SETUP.md").read_text()


@cache
def _resources(items: frozenset[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    overrides = dict(items)
    return Evaluation(transformed(overrides), overrides).resources()


def resources(**overrides: str) -> dict[str, dict[str, Any]]:
    return _resources(frozenset(overrides.items()))


def stage(**overrides: str) -> dict[str, Any]:
    found: dict[str, Any] = resources(**overrides)["ApiApiGatewayDefaultStage"]["Properties"]
    return found


def throttled_functions(**overrides: str) -> dict[str, int]:
    found = {name: each.get("Properties", {}) for name, each in resources(**overrides).items()}
    return {
        name: int(each["ReservedConcurrentExecutions"])
        for name, each in found.items()
        if "ReservedConcurrentExecutions" in each
    }


# API Gateway refuses a stage whose settings name a route that the API does not have (NotFoundException).
def test_every_route_with_settings_exists() -> None:
    routes = {route.key for route in routes_of(transformed()["Resources"]["Api"]["Properties"]["Body"])}
    assert stage()["RouteSettings"].keys() <= routes


def test_routes_that_cost_money_or_need_no_token_have_a_throttle_of_their_own() -> None:
    public = {route for route in PUBLIC_ROUTES if route.startswith("POST")} - {REFRESH}
    assert stage()["RouteSettings"].keys() == COSTLY_ROUTES | public


# Settings of a route replace all of the stage's default settings. The property is plain JSON: CloudFormation does not
# turn texts into numbers there, as it does in DefaultRouteSettings.
@pytest.mark.parametrize("throttling", ["low", "normal"])
def test_the_settings_of_a_route_are_complete_and_numbers(throttling: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::ApiGatewayV2::Stage").schema
    known = schema["definitions"]["RouteSettings"]["properties"]
    for route, settings in stage(RouteThrottling=throttling)["RouteSettings"].items():
        assert settings.keys() == {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= known.keys(), route
        assert all(isinstance(value, int) for value in settings.values()), route
        assert settings["ThrottlingBurstLimit"] == 2 * settings["ThrottlingRateLimit"], route


def test_the_default_settings_come_from_parameters() -> None:
    assert stage()["DefaultRouteSettings"] == {"ThrottlingRateLimit": "500", "ThrottlingBurstLimit": "1000"}
    changed = stage(ThrottleRate="50", ThrottleBurst="100")["DefaultRouteSettings"]
    assert changed == {"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "100"}


def test_the_documented_throttles_are_those_of_the_template() -> None:
    for throttling in ("low", "normal"):
        (settings,) = {tuple(each.values()) for each in stage(RouteThrottling=throttling)["RouteSettings"].values()}
        assert f"| `RouteThrottling={throttling}` | {settings[0]} | {settings[1]} |" in SETUP
    defaults = stage()["DefaultRouteSettings"]
    assert f"| `ThrottleRate`, `ThrottleBurst` | {defaults['ThrottlingRateLimit']} | 1,000 |" in SETUP


# A new account may have ten concurrent executions, all of which must stay unreserved.
def test_a_new_account_can_deploy_the_defaults() -> None:
    for stage_name in template()["Parameters"]["Stage"]["AllowedValues"]:
        assert throttled_functions(Stage=stage_name) == {}


@pytest.mark.parametrize("parameter", RESERVED)
def test_a_parameter_limits_its_functions(parameter: str) -> None:
    assert throttled_functions(**{parameter: "7"}) == dict.fromkeys(RESERVED[parameter], 7)


def recommended() -> dict[str, int]:
    return {
        name: int(value) for name, value in re.findall(r"^\| `(\w+Concurrency)` \|.*\| (\d+) \|$", SETUP, re.MULTILINE)
    }


def test_the_recommended_reservations_fit_into_an_account_of_a_thousand() -> None:
    values = recommended()
    assert values.keys() == RESERVED.keys()
    reserved = sum(value * len(RESERVED[name]) for name, value in values.items())
    assert reserved <= 1000 - UNRESERVED
    assert f"{reserved} of 1,000" in SETUP


def test_a_request_waits_as_long_as_the_parameter_says() -> None:
    for seconds in ("0", "20"):
        variables = resources(AnalysisWait=seconds)["ApiDreamsFunction"]["Properties"]["Environment"]["Variables"]
        assert variables["ANALYSIS_WAIT"] == seconds
    declared = template()["Parameters"]["AnalysisWait"]
    timeout = template()["Resources"]["ApiDreamsFunction"]["Properties"]["Timeout"]
    # What is left is for a cold start and for the writes.
    longest = max(seconds for seconds in range(timeout + 1) if re.fullmatch(declared["AllowedPattern"], str(seconds)))
    assert longest + 5 <= timeout
