"""The environment variables of every function, compared with the settings that its code reads."""

from typing import Any

import pytest

from dreamvision.auth.tokens import IdentitySettings
from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.invariants.settings_usage import Variable, variables_read_by

FUNCTIONS = {
    name: each["Properties"]
    for name, each in template()["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
SHARED = set(template()["Globals"]["Function"]["Environment"]["Variables"])
# Read by Powertools itself.
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
# Read by core/error_reports.py of every function (test_error_reports.py), without a settings model: pydantic is slow.
REPORTS = {"SENTRY_DSN"}
# Set by Lambda.
LAMBDA = {"AWS_REGION"}
IDENTITY = {"USER_POOL_ID", "USER_POOL_CLIENT_ID"}


def own_variables(function: dict[str, Any]) -> set[str]:
    return set(function.get("Environment", {}).get("Variables", {}))


def variables(function: dict[str, Any]) -> frozenset[Variable]:
    return variables_read_by(REPOSITORY / function["CodeUri"] / "app.py")


def has_only_public_routes(function: dict[str, Any]) -> bool:
    routes = [each["Properties"] for each in function.get("Events", {}).values() if each["Type"] == "HttpApi"]
    return bool(routes) and all(route.get("Auth", {}).get("Authorizer") == "NONE" for route in routes)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_of_a_function_is_read(name: str) -> None:
    read = {each.name for each in variables(FUNCTIONS[name])}
    assert own_variables(FUNCTIONS[name]) - read == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_every_variable_that_it_needs(name: str) -> None:
    function = FUNCTIONS[name]
    needed = {each.name for each in variables(function) if each.required}
    if has_only_public_routes(function):
        needed -= IDENTITY  # the API layer can verify tokens, but no route of this function has one
    assert needed - own_variables(function) - SHARED - LAMBDA == set()


# They read no table and must start fast.
COGNITO_TRIGGERS = ("PreSignUpFunction", "PreTokenGenerationFunction")


def test_shared_variables_are_read_by_nearly_all_functions() -> None:
    for variable in SHARED - POWERTOOLS - REPORTS:
        readers = [name for name in FUNCTIONS if variable in {each.name for each in variables(FUNCTIONS[name])}]
        assert len(readers) >= len(FUNCTIONS) - len(COGNITO_TRIGGERS), variable


def test_no_function_repeats_a_shared_variable() -> None:
    for name, function in FUNCTIONS.items():
        assert own_variables(function).isdisjoint(SHARED), name


def test_the_gateway_and_the_functions_accept_the_same_issuer() -> None:
    authorizer = template()["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]["AccessToken"]
    settings = IdentitySettings(user_pool_id="${UserPool}", user_pool_client_id="any", aws_region="${AWS::Region}")
    assert authorizer["JwtConfiguration"]["issuer"] == {"Fn::Sub": settings.token_issuer}
