"""The template as data: rules for every route, function, role and table, including new ones."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dreamvision.auth.tokens import SCOPE
from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.limits.idempotency import HOLD_SECONDS
from dreamvision.limits.quotas import QuotaSettings
from dreamvision.limits.rate_limits import RateSettings
from dreamvision.videos.sweeper import GRACE
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

TEMPLATE = template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]

# A new public route must be added here as well.
PUBLIC_ROUTES = {
    "GET /",
    "GET /api/v1/health",
    "GET /api/v1/health/db",
    "GET /api/v1/openapi.json",
    "GET /api/v1/docs",
    "GET /api/v1/docs/assets/{file_name}",
    "GET /api/v1/redoc",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/confirm",
    "POST /api/v1/auth/resend-confirmation",
    "POST /api/v1/auth/forgot-password",
    "POST /api/v1/auth/reset-password",
}


LOG_GROUPS = {
    "api": "ApiLogs",
    "realtime": "RealtimeLogs",
    "triggers": "TriggersLogs",
    "workflows/dream_to_video": "DreamToVideoLogs",
    "workflows/erasure": "ErasureLogs",
    "operations": "OperationsLogs",
}


def of_type(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, each["Properties"]) for name, each in RESOURCES.items() if each["Type"] == kind]


FUNCTIONS = of_type("AWS::Serverless::Function")
FUNCTION_IDS = [name for name, _ in FUNCTIONS]


def routes() -> Iterator[tuple[str, dict[str, Any]]]:
    for _, function in FUNCTIONS:
        for event in function.get("Events", {}).values():
            if event["Type"] == "HttpApi":
                yield f"{event['Properties']['Method']} {event['Properties']['Path']}", event["Properties"]


def test_only_the_public_routes_have_no_authorizer() -> None:
    open_routes = {key for key, route in routes() if route.get("Auth", {}).get("Authorizer") == "NONE"}
    assert open_routes == PUBLIC_ROUTES
    assert RESOURCES["Api"]["Properties"]["Auth"]["DefaultAuthorizer"] == "AccessToken"


def test_the_authorizer_keeps_id_tokens_out() -> None:
    authorizer = RESOURCES["Api"]["Properties"]["Auth"]["Authorizers"]["AccessToken"]
    assert authorizer["AuthorizationScopes"] == [SCOPE]


def test_routes_are_specific() -> None:
    for key, _ in routes():
        assert "+}" not in key, key
        assert not key.startswith("ANY "), key


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_a_function_logs_to_its_folders_group_with_retention(name: str, function: dict[str, Any]) -> None:
    (group,) = [group for folder, group in LOG_GROUPS.items() if function["CodeUri"].startswith(f"functions/{folder}/")]
    assert function["LoggingConfig"] == {"LogGroup": {"Ref": group}}, name


def test_every_log_group_has_a_retention() -> None:
    groups = dict(of_type("AWS::Logs::LogGroup"))
    assert set(groups) == {*LOG_GROUPS.values(), "ApiAccessLogs", "RealtimeAccessLogs"}
    assert {str(group["RetentionInDays"]) for group in groups.values()} == {"{'Ref': 'LogRetentionDays'}"}


def test_a_state_machine_logs_beside_its_functions() -> None:
    for name, machine in of_type("AWS::Serverless::StateMachine"):
        folder = machine["DefinitionUri"].removeprefix("functions/").rpartition("/")[0]
        (destination,) = machine["Logging"]["Destinations"]
        group = {"Fn::GetAtt": [LOG_GROUPS[folder], "Arn"]}
        assert destination == {"CloudWatchLogsLogGroup": {"LogGroupArn": group}}, name
        assert machine["Logging"]["IncludeExecutionData"] is False, name


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_a_function_has_a_timeout_below_the_gateways(name: str, function: dict[str, Any]) -> None:
    timeout = function.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    serves_http = any(event["Type"] == "HttpApi" for event in function.get("Events", {}).values())
    assert timeout <= (29 if serves_http else 180)


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_a_role_names_its_actions_and_resources(name: str, function: dict[str, Any]) -> None:
    for policy in function.get("Policies", []):
        assert isinstance(policy, dict), f"{name}: a managed policy"
        for statement in policy["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            assert all("*" not in action for action in actions), f"{name}: {actions}"
            for resource in resources if isinstance(resources, list) else [resources]:
                assert resource != "*", name


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_no_secret_is_in_the_environment(name: str, function: dict[str, Any]) -> None:
    for variable, value in function.get("Environment", {}).get("Variables", {}).items():
        if variable.endswith(("_KEY", "_PASSWORD", "_TOKEN")):
            pytest.fail(f"{name} has {variable}")
        assert "ClientSecret" not in str(value), name
        assert "resolve:secretsmanager" not in str(value), name


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_the_handler_is_where_the_template_says(name: str, function: dict[str, Any]) -> None:
    assert (REPOSITORY / function["CodeUri"] / "app.py").is_file()


# Rows that expire or that the next connection writes again. A restored copy would be wrong: quotas of another day.
REBUILT = {"GuardsTable", "ConnectionsTable"}


def test_tables_are_on_demand_and_those_of_users_data_recoverable() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    assert len(tables) >= 4
    for name, table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        recovery = table.get("PointInTimeRecoverySpecification", {})
        assert recovery.get("PointInTimeRecoveryEnabled", False) is (name not in REBUILT), name
        assert ("TimeToLiveSpecification" in table) is (name in REBUILT), name


def test_tables_are_encrypted_by_keys_without_charges() -> None:
    # DynamoDB encrypts every table. SSESpecification chooses a key in KMS, which charges for its use.
    for name, table in of_type("AWS::DynamoDB::Table"):
        assert "SSESpecification" not in table, name


def test_tables_of_personal_data_have_the_user_first() -> None:
    for name in ("ProfilesTable", "DreamsTable", "VideosTable", "ConnectionsTable"):
        keys = RESOURCES[name]["Properties"]["KeySchema"]
        assert keys[0] == {"AttributeName": "user_id", "KeyType": "HASH"}, name


def test_every_websocket_route_has_a_function_and_connecting_is_authorized() -> None:
    ((_, api),) = of_type("AWS::Serverless::WebSocketApi")
    assert set(api["Routes"]) == {"$connect", "$disconnect", "$default", "ping", "sync"}
    assert api["Auth"]["AuthType"] == "CUSTOM"
    assert api["Auth"]["AuthArn"] == {"Ref": "RealtimeAuthorizeFunction.Alias"}
    # A header named as identity source is required: one of the two ways to send the token would be closed.
    assert api["Auth"]["IdentitySource"] == []
    for key, route in api["Routes"].items():
        function, _, attribute = route["FunctionArn"]["Ref"].partition(".")
        assert (function in FUNCTION_IDS, attribute) == (True, "Alias"), key


def test_handshakes_are_not_logged() -> None:
    api = RESOURCES["WebSocketApi"]["Properties"]
    assert api["DefaultRouteSettings"]["DataTraceEnabled"] is False
    # The header with the token, whether as a subprotocol or as a cookie, and the client's address.
    for secret in ("header", "identity", "authorizer.principalId", "authorizer.session", "connectionId"):
        assert secret not in str(api["AccessLogSettings"])


def test_a_stream_can_neither_be_blocked_nor_lose_records_unnoticed() -> None:
    # Live updates of a minute ago are of no use; a notification of an hour ago is.
    ages = {"RealtimeVideosSource": 60, "RealtimeDreamsSource": 60, "RealtimeSessionsSource": 60}
    ages["NotifyDevicesSource"] = 3600
    mappings = [each for each in of_type("AWS::Lambda::EventSourceMapping") if "StartingPosition" in each[1]]
    assert {name for name, _ in mappings} == set(ages)
    for name, mapping in mappings:
        assert mapping["MaximumRecordAgeInSeconds"] == ages[name], name
        assert mapping["MaximumRetryAttempts"] <= 3, name
        assert mapping["BisectBatchOnFunctionError"] is True, name
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert mapping["DestinationConfig"]["OnFailure"], name
        for each in mapping["FilterCriteria"]["Filters"]:
            assert json.loads(each["Pattern"])["eventName"], name


def test_the_stream_of_the_guards_has_no_content() -> None:
    assert RESOURCES["GuardsTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"}


def test_the_media_bucket_is_private() -> None:
    bucket = RESOURCES["MediaBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]
    assert bucket["LifecycleConfiguration"]["Rules"]
    statement = RESOURCES["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_app_client_has_a_secret_and_one_flow() -> None:
    client = RESOURCES["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is True
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_parameters_have_the_documented_names_and_defaults() -> None:
    documented: dict[str, Any] = {"PollFirstWait": 20, "PollInterval": 5, "PollDeadline": 600, "EraseGrace": 240}
    documented |= {"ConfirmEmail": "false", "RateLimitPerMinute": 10, "AuthRateLimitPerMinute": 20}
    documented |= {"SessionDays": 365, "PasswordLength": 8, "DeletionNeedsPassword": "false"}
    documented |= {"RefuseBreachedPasswords": "false"}
    documented |= {"RefreshRateLimitPerMinute": 10, "OriginSecret": "", "ApiCloudFront": "false", "WebAclArn": ""}
    documented |= {"ThrottleRate": 500, "ThrottleBurst": 1000, "RouteThrottling": "normal", "AnalysisWait": 20}
    documented |= dict.fromkeys(("WaitingConcurrency", "WorkflowConcurrency"), 0)
    documented |= dict.fromkeys(("ImageConcurrency", "AuthorizerConcurrency"), 0)
    documented |= dict.fromkeys(("ApiDomain", "WebSocketDomain", "PageDomain", "MediaDomain"), "")
    documented |= dict.fromkeys(("CertificateArn", "EdgeCertificateArn", "HostedZoneId"), "")
    documented |= {"FreeVideosPerDay": 5, "FreeConcurrentVideos": 2}
    documented |= {"VideoExpiryDays": 0, "MediaBaseUrl": "", "DefaultAspectRatio": "16:9"}
    documented |= {"AlarmEmail": "", "SetApiGatewayLogRole": "true"}
    documented |= {"PremiumVideosPerDay": 50, "PremiumConcurrentVideos": 5, "ServiceVideosPerDay": 500}
    documented |= {"FreeAnalysesPerDay": 20, "PremiumAnalysesPerDay": 200, "ServiceAnalysesPerDay": 5000}
    documented |= {"RegistrationsPerAddress": 20, "PremiumReserve": 20, "ModerationStrikes": 5}
    found = {name: TEMPLATE["Parameters"][name]["Default"] for name in documented}
    assert found == documented
    assert {"ClaudeModel", "RunwayModel", "AllowedOrigins", "AllowedVideoHosts"} <= TEMPLATE["Parameters"].keys()


def test_the_code_and_the_template_have_the_same_limits() -> None:
    in_code = RateSettings().model_dump() | QuotaSettings().model_dump()
    in_template = {name: TEMPLATE["Parameters"][_parameter(name)]["Default"] for name in in_code}
    assert in_template == in_code


def test_the_default_shape_is_one_that_the_code_knows() -> None:
    declared = TEMPLATE["Parameters"]["DefaultAspectRatio"]
    assert declared["AllowedValues"] == list(AspectRatio)
    for name in ("ApiDreamsFunction", "ApiVideosFunction"):
        variables = RESOURCES[name]["Properties"]["Environment"]["Variables"]
        assert variables["DEFAULT_ASPECT_RATIO"] == {"Ref": "DefaultAspectRatio"}


def _parameter(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))


def test_an_idempotency_hold_outlasts_every_function() -> None:
    timeouts = [function.get("Timeout", 10) for _, function in FUNCTIONS if "HttpApi" in str(function.get("Events"))]
    assert max(timeouts) < HOLD_SECONDS
    assert max(timeouts) < GRACE.total_seconds()


def test_functions_that_finish_videos_or_store_analyses_may_count() -> None:
    finish = ("GenerateVideo", "ArchiveVideo", "RecordFailure", "ExecutionStopped", "Sweep", "ApiDreams", "ApiVideos")
    for name in (*finish, "AnalyzeDream", "ApiAnalyzeDream"):
        allowed = [
            action
            for policy in RESOURCES[f"{name}Function"]["Properties"]["Policies"]
            for statement in policy["Statement"]
            if "GuardsTable" in str(statement["Resource"])
            for action in statement["Action"]
        ]
        assert "dynamodb:UpdateItem" in allowed, name
