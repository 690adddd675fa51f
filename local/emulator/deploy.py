"""Deploy the built template to the emulator with ``sam deploy``, and add what its CloudFormation leaves out."""

from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local import sandbox
from local.emulator.build import BuildError, run_tool, source_hash, tool_environment
from local.emulator.http_api import bring_api_in_line
from local.emulator.password_policy import make_length_a_number
from local.emulator.refresh_rotation import switch_on_rotation
from local.emulator.stream_mappings import revive_stream_mappings
from local.emulator.video_key import ensure_video_key
from local.progress import step
from local.settings import LOOPBACK, REGION, REPOSITORY, STACK_NAME, Settings

_HASH_TAG = "dreamvision-sources"
_BUCKET = "dreamvision-packages"
# Expo's development servers, as in the template's default.
_APP_ORIGINS = ("http://localhost:19006", "http://localhost:8081")


def client(settings: Settings, service: str) -> Any:  # noqa: ANN401 - every service has a client type of its own
    """Return a boto3 client for the emulator."""
    create: Any = boto3.client
    return create(
        service,
        region_name=REGION,
        endpoint_url=settings.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - a dummy for the emulator
        config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
    )


def deploy(settings: Settings, template: Path) -> dict[str, str]:
    """Deploy unless the same sources and parameters are deployed already. Return the stack's outputs.

    Raises:
        BuildError: ``sam deploy`` failed.
    """
    key_group = ensure_video_key(client(settings, "cloudfront"), client(settings, "secretsmanager"))
    parameters = {"VideoKeyGroup": key_group, **parameters_of(settings)}
    wanted = source_hash(parameters.items())
    found = _stack(settings)
    if found is None or _tag(found) != wanted or not found["StackStatus"].endswith("_COMPLETE"):
        with step("Deploying template.yaml (sam deploy)"):
            _sam_deploy(settings, template, parameters, wanted)
        found = _stack(settings)
    if found is None:
        raise BuildError("The stack does not exist after its deployment.")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    with step("Configuring API routes, streams, time to live and provider keys"):
        bring_api_in_line(
            client(settings, "apigatewayv2"), client(settings, "cloudformation"), STACK_NAME, outputs["ApiId"]
        )
        for table in ("GuardsTableName", "ConnectionsTableName"):
            _switch_on_time_to_live(settings, outputs[table])
        cognito = client(settings, "cognito-idp")
        make_length_a_number(cognito, outputs["UserPoolId"])
        switch_on_rotation(cognito, client(settings, "cloudformation"), STACK_NAME, outputs)
        _put_provider_keys(settings, outputs)
        revive_stream_mappings(client(settings, "lambda"))
    return outputs


def parameters_of(settings: Settings) -> dict[str, str]:
    """Return the template parameters of the local stack. ``PARAMETERS`` can override each of them."""
    claude = settings.providers.claude_url or f"http://127.0.0.1:{settings.ports.claude}"
    runway = settings.providers.runway_url or f"http://127.0.0.1:{settings.ports.runway}"
    if settings.providers.claude_key and not settings.providers.claude_url:
        claude = "https://api.anthropic.com"
    if settings.providers.runway_key and not settings.providers.runway_url:
        runway = "https://api.dev.runwayml.com"
    hosts = ["*.cloudfront.net"]
    if runway.startswith("http://"):
        hosts.append(runway)
    # The sandbox renders within seconds, so poll it often. The real Runway gets the template's default intervals.
    pace = {} if settings.providers.runway_key else {"PollFirstWait": "2", "PollInterval": "1"}
    return {
        "Stage": "local",
        "Architecture": settings.architecture,
        "AnthropicBaseUrl": claude,
        "RunwayBaseUrl": runway,
        "ExpoBaseUrl": settings.providers.expo_url or f"http://127.0.0.1:{settings.ports.expo}",
        "AllowedVideoHosts": ",".join(hosts),
        "MediaBaseUrl": settings.media_url,
        **pace,
        "ConnectionsEndpoint": f"{settings.endpoint_url}/_aws/execute-api",
        "AllowedOrigins": ",".join(_origins(settings)),
        **settings.parameters,
    }


def _origins(settings: Settings) -> list[str]:
    """Return the origins of browsers: the page and Expo's development servers, at each address of the stack."""
    pages = [f"http://{host}:{settings.ports.page}" for host in settings.hosts]
    remote = [origin.replace("localhost", settings.host) for origin in _APP_ORIGINS if settings.host != LOOPBACK]
    return [*_APP_ORIGINS, *pages, *remote]


def _stack(settings: Settings) -> dict[str, Any] | None:
    try:
        stacks = client(settings, "cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    except ClientError:
        return None
    found: dict[str, Any] = stacks[0]
    return found


def _tag(stack: dict[str, Any]) -> str | None:
    return next((tag["Value"] for tag in stack.get("Tags", []) if tag["Key"] == _HASH_TAG), None)


def _sam_deploy(settings: Settings, template: Path, parameters: dict[str, str], wanted: str) -> None:
    s3 = client(settings, "s3")
    if not any(bucket["Name"] == _BUCKET for bucket in s3.list_buckets()["Buckets"]):
        s3.create_bucket(Bucket=_BUCKET)
    command = ["sam", "deploy", "--config-file", str(REPOSITORY / "samconfig.toml"), "--config-env", "local"]
    command += ["--template-file", str(template)]
    command += ["--stack-name", STACK_NAME, "--s3-bucket", _BUCKET, "--region", REGION]
    command += ["--tags", f"{_HASH_TAG}={wanted}"]
    command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    run_tool(settings, "sam-deploy", command, tool_environment(settings))


def _switch_on_time_to_live(settings: Settings, table: str) -> None:
    # The emulator's CloudFormation ignores the tables' time to live.
    dynamodb = client(settings, "dynamodb")
    state = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"].get("TimeToLiveStatus")
    if state != "ENABLED":
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )


def _put_provider_keys(settings: Settings, outputs: dict[str, str]) -> None:
    secrets = client(settings, "secretsmanager")
    keys = {
        outputs["AnthropicSecretId"]: settings.providers.claude_key or sandbox.CLAUDE_KEY,
        outputs["RunwaySecretId"]: settings.providers.runway_key or sandbox.RUNWAY_KEY,
    }
    for secret, key in keys.items():
        secrets.put_secret_value(SecretId=secret, SecretString=key)
