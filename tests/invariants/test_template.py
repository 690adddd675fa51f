"""The template as data: what must hold for every route, function, role and table, whoever adds one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dreamvision.limits.idempotency import HOLD_SECONDS
from dreamvision.limits.quotas import QuotaSettings
from dreamvision.limits.rate_limits import RateSettings
from dreamvision.videos.sweeper import GRACE
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

TEMPLATE = template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]

# Whoever adds a public route adds it here, on purpose.
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
    assert authorizer["AuthorizationScopes"] == ["aws.cognito.signin.user.admin"]


def test_routes_are_specific() -> None:
    for key, _ in routes():
        assert "+}" not in key, key
        assert not key.startswith("ANY "), key


@pytest.mark.parametrize(("name", "function"), FUNCTIONS, ids=FUNCTION_IDS)
def test_a_function_has_a_log_group_with_retention(name: str, function: dict[str, Any]) -> None:
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    assert RESOURCES[group]["Type"] == "AWS::Logs::LogGroup"
    assert RESOURCES[group]["Properties"]["RetentionInDays"]
    assert group == f"{name.removesuffix('Function')}Logs"


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


def test_tables_are_on_demand_encrypted_and_recoverable() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    assert len(tables) >= 4
    for name, table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST", name
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], name
        assert table["SSESpecification"]["SSEEnabled"], name


def test_tables_of_personal_data_have_the_user_first() -> None:
    for name in ("ProfilesTable", "DreamsTable", "VideosTable", "ConnectionsTable"):
        keys = RESOURCES[name]["Properties"]["KeySchema"]
        assert keys[0] == {"AttributeName": "user_id", "KeyType": "HASH"}, name


def test_every_websocket_route_leads_somewhere_and_connecting_is_authorized() -> None:
    routes = {route["RouteKey"]: route for _, route in of_type("AWS::ApiGatewayV2::Route")}
    assert set(routes) == {"$connect", "$disconnect", "$default", "ping", "sync"}
    assert routes["$connect"]["AuthorizationType"] == "CUSTOM"
    assert routes["$connect"]["AuthorizerId"] == {"Ref": "RealtimeAuthorizer"}
    # A header that is named as the identity's source must be there always: one of the two ways in would be closed.
    assert RESOURCES["RealtimeAuthorizer"]["Properties"]["IdentitySource"] == []
    integrations = {name for name, _ in of_type("AWS::ApiGatewayV2::Integration")}
    for key, route in routes.items():
        assert route["Target"]["Fn::Sub"].removeprefix("integrations/").strip("${}") in integrations, key


def test_handshakes_are_not_logged() -> None:
    stage = RESOURCES["RealtimeStage"]["Properties"]
    assert stage["DefaultRouteSettings"]["DataTraceEnabled"] is False
    assert "AccessLogSettings" not in stage


def test_a_stream_can_neither_be_blocked_nor_lose_records_unnoticed() -> None:
    mappings = of_type("AWS::Lambda::EventSourceMapping")
    assert {name for name, _ in mappings} == {"RealtimeVideosSource", "RealtimeDreamsSource", "RealtimeSessionsSource"}
    for name, mapping in mappings:
        assert mapping["MaximumRecordAgeInSeconds"] == 60, name
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


def test_the_cdn_reaches_pictures_alone() -> None:
    config = RESOURCES["MediaDistribution"]["Properties"]["DistributionConfig"]
    (origin,) = config["Origins"]
    assert origin["OriginPath"] == "/thumbnails"
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["MediaAccess", "Id"]}
    behavior = config["DefaultCacheBehavior"]
    assert "CacheBehaviors" not in config
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    assert behavior["ResponseHeadersPolicyId"] == {"Ref": "MediaHeadersPolicy"}
    statements = RESOURCES["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in statements if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Resource"] == {"Fn::Sub": "${MediaBucket.Arn}/thumbnails/*"}
    assert "${MediaDistribution}" in str(allowed["Condition"]["StringEquals"]["AWS:SourceArn"])


def test_uploads_are_forgotten_and_videos_expire_by_parameter() -> None:
    rules = RESOURCES["MediaBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules if "Id" in rule}
    assert by_id["forgotten-uploads"]["Prefix"] == "uploads/"
    assert by_id["forgotten-uploads"]["ExpirationInDays"] == 1
    (conditional,) = [rule["Fn::If"] for rule in rules if "Fn::If" in rule]
    assert conditional[0] == "VideosExpire"
    assert (conditional[1]["Prefix"], conditional[1]["ExpirationInDays"]) == ("videos/", {"Ref": "VideoExpiryDays"})
    assert TEMPLATE["Parameters"]["VideoExpiryDays"]["Default"] == 0


def test_a_role_touches_only_its_own_folders_of_the_media_bucket() -> None:
    found: dict[str, set[str]] = {}
    for name, function in FUNCTIONS:
        for statement in (each for policy in function.get("Policies", []) for each in policy["Statement"]):
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for action in (action for action in statement["Action"] if action.startswith("s3:")):
                for folder in (str(each.get("Fn::Sub", "")).partition("}/")[2] for each in resources):
                    found.setdefault(name.removesuffix("Function"), set()).add(f"{action[3:]} {folder}".strip())
    assert found == {
        **{name: {"GetObject videos/*"} for name in ("ApiDreams", "ApiVideos", "RealtimeMessages", "RealtimePush")},
        "ApiUploads": {"PutObject uploads/*"},
        "ImageUploaded": {
            "GetObject uploads/*", "DeleteObject uploads/*", "PutObject thumbnails/*", "DeleteObject thumbnails/*"
        },
        "ArchiveVideo": {
            f"{action} {folder}/*"
            for action in ("PutObject", "AbortMultipartUpload", "DeleteObject")
            for folder in ("videos", "thumbnails")
        },
        "DeleteMedia": {"ListBucket", *(f"DeleteObject {folder}/*" for folder in ("videos", "thumbnails", "uploads"))},
    }  # fmt: skip
    (listing,) = [
        statement
        for policy in RESOURCES["DeleteMediaFunction"]["Properties"]["Policies"]
        for statement in policy["Statement"]
        if statement["Action"] == ["s3:ListBucket"]
    ]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["videos/*", "uploads/*"]}}


def test_the_app_client_has_a_secret_and_one_flow() -> None:
    client = RESOURCES["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is True
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"


def test_parameters_have_the_documented_names_and_defaults() -> None:
    documented: dict[str, Any] = {"PollFirstWait": 20, "PollInterval": 5, "PollDeadline": 600, "EraseGrace": 240}
    documented |= {"ConfirmEmail": "false", "RateLimitPerMinute": 10, "AuthRateLimitPerMinute": 20}
    documented |= {"FreeVideosPerDay": 5, "FreeConcurrentVideos": 2}
    documented |= {"VideoExpiryDays": 0, "MediaBaseUrl": ""}
    documented |= {"PremiumVideosPerDay": 50, "PremiumConcurrentVideos": 5, "ServiceVideosPerDay": 500}
    found = {name: TEMPLATE["Parameters"][name]["Default"] for name in documented}
    assert found == documented
    assert {"ClaudeModel", "RunwayModel", "AllowedOrigins", "AllowedVideoHosts"} <= TEMPLATE["Parameters"].keys()


def test_the_code_and_the_template_have_the_same_limits() -> None:
    in_code = RateSettings().model_dump() | QuotaSettings().model_dump()
    in_template = {name: TEMPLATE["Parameters"][_parameter(name)]["Default"] for name in in_code}
    assert in_template == in_code


def _parameter(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))


def test_a_request_is_held_longer_than_any_function_can_be_at_work_on_it() -> None:
    timeouts = [function.get("Timeout", 10) for _, function in FUNCTIONS if "HttpApi" in str(function.get("Events"))]
    assert max(timeouts) < HOLD_SECONDS
    assert max(timeouts) < GRACE.total_seconds()


def test_whatever_makes_a_video_final_may_give_its_quotas_back() -> None:
    for name in ("ArchiveVideo", "RecordFailure", "ExecutionStopped", "Sweep", "ApiDreams", "ApiVideos"):
        allowed = [
            action
            for policy in RESOURCES[f"{name}Function"]["Properties"]["Policies"]
            for statement in policy["Statement"]
            if "GuardsTable" in str(statement["Resource"])
            for action in statement["Action"]
        ]
        assert "dynamodb:UpdateItem" in allowed, name
