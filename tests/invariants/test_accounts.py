"""The user pool, its client and the rules of the accounts' parameters, as CloudFormation receives them."""

import re
import tomllib
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.model import OperationModel

from dreamvision.auth.refresh_tokens import IDLE_SECONDS
from dreamvision.erasure.reconciliation import ERASURE_LIFETIME, SECONDS_PER_PAGE
from local.transformed import Evaluation
from tests.conftest import REPOSITORY
from tests.fakes.aws import template
from tests.fakes.cognito import REFRESH_SECONDS
from tests.fakes.cognito_state import GRACE_SECONDS
from tests.fakes.token_issuer import COGNITO_SCOPE

RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
CLIENT = RESOURCES["UserPoolClient"]["Properties"]
SES = {
    "EmailFrom": "DreamVision <no-reply@example.com>",
    "EmailIdentityArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com",
}
NO_SES = {"EmailFrom": "", "EmailIdentityArn": ""}


def properties(logical_id: str, **parameters: str) -> dict[str, Any]:
    """Return a resource's properties for these parameters."""
    found: dict[str, Any] = Evaluation(template(), parameters).value(RESOURCES[logical_id]["Properties"])
    return found


def refusals(**parameters: str) -> list[str]:
    """Return what the template's rules say against these parameters."""
    return Evaluation(template(), parameters).refusals()


# ---------------------------------------------------------------- refresh tokens


def test_a_refresh_can_be_repeated_for_as_long_as_cognito_allows() -> None:
    # 60 is the maximum (RefreshTokenRotationType in the Cognito API reference).
    assert CLIENT["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert GRACE_SECONDS == 60


def test_rotation_excludes_the_flow_that_does_not_rotate() -> None:
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in CLIENT["ExplicitAuthFlows"]


def test_cognitos_tokens_outlive_a_session_without_use() -> None:
    # RefreshTokenValidity is at most ten years (CreateUserPoolClient in the Cognito API reference).
    parameter = template()["Parameters"]["SessionDays"]
    allowed = [days for days in range(10_000) if re.fullmatch(parameter["AllowedPattern"], str(days))]
    assert CLIENT["RefreshTokenValidity"] == {"Ref": "SessionDays"}
    assert CLIENT["TokenValidityUnits"]["RefreshToken"] == "days"
    assert min(allowed) * 86_400 > IDLE_SECONDS
    assert max(allowed) <= 3650
    assert parameter["Default"] * 86_400 == REFRESH_SECONDS


# ---------------------------------------------------------------- what an access token opens at Cognito


def test_the_pool_replaces_the_scope_of_its_access_tokens() -> None:
    # LambdaVersion V2_0 needs the tier Essentials (user-pool-lambda-pre-token-generation in Cognito's guide).
    pool = RESOURCES["UserPool"]["Properties"]
    assert pool["UserPoolTier"] == "ESSENTIALS"
    assert pool["LambdaConfig"]["PreTokenGenerationConfig"] == {
        "LambdaArn": {"Ref": "PreTokenGenerationFunction.Alias"},
        "LambdaVersion": "V2_0",
    }
    assert "PreTokenGeneration" not in pool["LambdaConfig"]


@pytest.mark.parametrize("trigger", ["PreSignUp", "PreTokenGeneration"])
def test_cognito_may_invoke_its_triggers_and_is_answered_in_time(trigger: str) -> None:
    permission = RESOURCES[f"{trigger}Permission"]["Properties"]
    assert permission == {
        "FunctionName": {"Ref": f"{trigger}Function.Alias"},
        "Action": "lambda:InvokeFunction",
        "Principal": "cognito-idp.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["UserPool", "Arn"]},
    }
    # Cognito waits for 5 s.
    assert RESOURCES[f"{trigger}Function"]["Properties"]["Timeout"] <= 5


def test_every_operation_that_takes_an_access_token_needs_the_scope_that_is_removed() -> None:
    model = botocore.session.get_session().get_service_model("cognito-idp")
    operations = [model.operation_model(name) for name in model.operation_names]
    with_token = [each for each in operations if each.input_shape and "AccessToken" in each.input_shape.members]
    assert {"GetUser", "UpdateUserAttributes", "ChangePassword", "DeleteUser"} <= {each.name for each in with_token}
    assert [each.name for each in with_token if COGNITO_SCOPE not in _documentation(each)] == []


def _documentation(operation: OperationModel) -> str:
    members = operation.input_shape.members.values() if operation.input_shape else ()
    return " ".join([operation.documentation, *(each.documentation for each in members)])


def test_a_client_can_write_nothing_but_what_a_sign_up_sends() -> None:
    # Not []: without an entry every standard attribute is writable.
    assert CLIENT["WriteAttributes"] == ["email"]
    model = botocore.session.get_session().get_service_model("cognito-idp")
    request = model.operation_model("CreateUserPoolClient").input_shape
    assert request is not None
    documented = request.members["WriteAttributes"].documentation
    assert "your app can write the values of the Standard attributes" in documented


def test_a_new_address_counts_only_once_its_owner_has_confirmed_it() -> None:
    assert RESOURCES["UserPool"]["Properties"]["UserAttributeUpdateSettings"] == {
        "AttributesRequireVerificationBeforeUpdate": ["email"]
    }


# ---------------------------------------------------------------- e-mail


def test_the_pool_sends_through_ses_if_an_identity_is_given() -> None:
    assert properties("UserPool", **SES)["EmailConfiguration"] == {
        "EmailSendingAccount": "DEVELOPER",
        "From": SES["EmailFrom"],
        "SourceArn": SES["EmailIdentityArn"],
    }


@pytest.mark.parametrize("stage", ["dev", "local"])
def test_cognitos_own_sender_is_the_default_outside_prod(stage: str) -> None:
    assert refusals(Stage=stage) == []
    assert properties("UserPool", Stage=stage)["EmailConfiguration"] == {"EmailSendingAccount": "COGNITO_DEFAULT"}


@pytest.mark.parametrize("missing", [NO_SES, {"EmailFrom": ""}, {"EmailIdentityArn": ""}])
def test_prod_is_refused_without_ses(missing: dict[str, str]) -> None:
    given = {"Stage": "prod", "ConfirmEmail": "true", **SES, **missing}
    assert any("EmailFrom" in each and "EmailIdentityArn" in each for each in refusals(**given))


@pytest.mark.parametrize("missing", SES)
def test_a_sender_without_its_identity_is_refused_in_every_stage(missing: str) -> None:
    assert refusals(Stage="dev", **{**SES, missing: ""})


# ---------------------------------------------------------------- confirmation


def test_prod_is_deployed_with_confirmation() -> None:
    given = {"Stage": "prod", "ConfirmEmail": "true", **SES}
    assert refusals(**given) == []
    assert trigger_setting(**given) == "true"


def test_prod_is_refused_without_confirmation_unless_that_is_allowed_explicitly() -> None:
    given = {"Stage": "prod", "ConfirmEmail": "false", **SES}
    (refusal,) = refusals(**given)
    assert "AllowUnconfirmedEmail=true" in refusal
    assert refusals(**given, AllowUnconfirmedEmail="true") == []
    # AND even a deployment that skipped the rule would ask for a code
    assert trigger_setting(**given) == "true"
    assert trigger_setting(**given, AllowUnconfirmedEmail="true") == "false"


def test_unconfirmed_addresses_are_not_allowed_by_default() -> None:
    parameter = template()["Parameters"]["AllowUnconfirmedEmail"]
    assert (parameter["AllowedValues"], parameter["Default"]) == (["true", "false"], "false")


@pytest.mark.parametrize("stage", ["dev", "local"])
def test_confirmation_can_be_switched_on_and_off_outside_prod(stage: str) -> None:
    assert trigger_setting(Stage=stage) == "false"
    assert trigger_setting(Stage=stage, ConfirmEmail="true") == "true"
    assert trigger_setting(Stage=stage, ConfirmEmail="true", AllowUnconfirmedEmail="true") == "true"


def trigger_setting(**parameters: str) -> str:
    """Return ``CONFIRM_EMAIL`` of the trigger that may confirm new users."""
    value: str = properties("PreSignUpFunction", **parameters)["Environment"]["Variables"]["CONFIRM_EMAIL"]
    return value


def test_the_deployment_of_prod_asks_for_confirmation() -> None:
    config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
    overrides = dict(each.split("=", 1) for each in config["prod"]["global"]["parameters"]["parameter_overrides"])
    assert overrides["ConfirmEmail"] == "true"
    # The sender's addresses are the account's own: without them, only that rule refuses the deployment.
    assert refusals(**overrides | SES) == []
    assert len(refusals(**overrides)) == 1


# ---------------------------------------------------------------- the client's address


def test_without_cloudfront_the_role_can_read_no_secret() -> None:
    assert RESOURCES["OriginSecretPolicy"]["Condition"] == "HasOriginSecret"
    (statement,) = RESOURCES["OriginSecretPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    # A secret's ARN ends with its name, a hyphen and six characters; a name is not empty.
    assert statement["Resource"]["Fn::If"][2]["Fn::Sub"].endswith(":secret:${OriginSecret}-??????")
    parameter = template()["Parameters"]["OriginSecret"]
    assert parameter["Default"] == ""
    assert not re.fullmatch(parameter["AllowedPattern"], "*")


# ---------------------------------------------------------------- users whom the pool no longer has


def test_the_reconciliation_runs_every_hour_with_the_least_permissions() -> None:
    function = RESOURCES["ReconcileUsersFunction"]["Properties"]
    (event,) = function["Events"].values()
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", "rate(1 hour)")
    statements = [each for policy in function["Policies"] for each in policy["Statement"]]
    assert [(each["Action"], each["Resource"]) for each in statements] == [
        # It reads users, and removes the costs that are due once it has counted them.
        (["dynamodb:Scan", "dynamodb:UpdateItem"], {"Fn::GetAtt": ["ProfilesTable", "Arn"]}),
        (
            # The service's costs, its own position, and the record of an erasure that it starts.
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
            {"Fn::GetAtt": ["GuardsTable", "Arn"]},
        ),
        (["cognito-idp:AdminGetUser"], {"Fn::GetAtt": ["UserPool", "Arn"]}),
        (["states:StartExecution"], {"Ref": "Erasure"}),
    ]


def test_an_erasure_is_left_to_work_for_as_long_as_its_execution_can_run() -> None:
    machine = yaml.safe_load((REPOSITORY / "functions/workflows/erasure/erasure.asl.yaml").read_text())
    assert machine["TimeoutSeconds"] == ERASURE_LIFETIME.total_seconds()


def test_a_page_fits_into_the_time_that_a_run_keeps_for_it() -> None:
    assert RESOURCES["ReconcileUsersFunction"]["Properties"]["Timeout"] > SECONDS_PER_PAGE
