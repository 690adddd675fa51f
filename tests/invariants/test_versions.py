"""Versions, aliases, canaries and snapshots of the functions, as CloudFormation receives them."""

import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.utils.hash import dir_checksum

from local.transformed import Evaluation, parameters_of, transformed
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

CANARY = {"Stage": "prod", "Canary": "true", "SnapStart": "true"}
PLAIN = {"Stage": "local"}
SETTINGS = pytest.mark.parametrize("overrides", [CANARY, PLAIN], ids=["prod", "local"])
ALIAS = "live"
IMPORT_THE_CLAUDE_SDK = {"ApiAnalyzeDreamFunction", "AnalyzeDreamFunction"}
# CodeDeploy's limits: https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
ALARMS_OF_A_GROUP = 10
CANARY_SECONDS = 15 * 60
# What invokes nothing: a function's own version and alias, its settings by qualifier, and metrics. Lambda's metrics
# with the dimension FunctionName alone include the invocations of all aliases and versions.
MAY_NAME_FUNCTIONS = (
    "AWS::Lambda::Version", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
)  # fmt: skip


@cache
def _resources(overrides: tuple[tuple[str, str], ...]) -> dict[str, dict[str, Any]]:
    values = dict(overrides)
    return Evaluation(transformed(values), values).resources()


def resources(overrides: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return _resources(tuple(overrides.items()))


def of_type(kind: str, overrides: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in resources(overrides).items() if each["Type"] == kind}


def functions(overrides: Mapping[str, str]) -> set[str]:
    return set(of_type("AWS::Lambda::Function", overrides))


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for each in node.values():
            yield from texts(each)
    elif isinstance(node, list):
        for each in node:
            yield from texts(each)
    else:
        yield str(node)


def unqualified(name: str, node: Any) -> bool:
    """Return whether ``node`` refers to the function ``name`` without an alias."""
    return any(f"<{name}>" in text or f"<{name}.Arn>" in text for text in texts(node))


@SETTINGS
def test_nothing_refers_to_a_function_but_through_its_alias(overrides: dict[str, str]) -> None:
    found = {
        (name, function)
        for name, resource in resources(overrides).items()
        if resource["Type"] not in MAY_NAME_FUNCTIONS
        for function in functions(overrides)
        if unqualified(function, resource)
    }
    assert found == set()
    outputs = Evaluation(transformed(overrides), overrides).value(transformed(overrides)["Outputs"])
    assert [name for name in functions(overrides) if unqualified(name, outputs)] == []


@SETTINGS
def test_every_function_has_the_alias_and_its_settings_apply_to_it(overrides: dict[str, str]) -> None:
    aliases = of_type("AWS::Lambda::Alias", overrides)
    assert set(aliases) == {f"{name}Alias{ALIAS}" for name in functions(overrides)}
    assert {each["Properties"]["Name"] for each in aliases.values()} == {ALIAS}
    for name, config in of_type("AWS::Lambda::EventInvokeConfig", overrides).items():
        assert config["Properties"]["Qualifier"] == ALIAS, name


@SETTINGS
def test_a_state_machines_role_may_invoke_the_aliases_of_its_states_alone(overrides: dict[str, str]) -> None:
    for machine in of_type("AWS::StepFunctions::StateMachine", overrides).values():
        role = resources(overrides)[machine["Properties"]["RoleArn"].strip("<>").removesuffix(".Arn")]
        statements = [
            each for policy in role["Properties"]["Policies"] for each in policy["PolicyDocument"]["Statement"]
        ]
        allowed = {
            arn for each in statements if each["Action"] == ["lambda:InvokeFunction"] for arn in each["Resource"]
        }
        substitutions = machine["Properties"]["DefinitionSubstitutions"]
        assert allowed == {value for name, value in substitutions.items() if name.endswith("Arn")}


def test_only_the_commands_of_the_runbook_name_functions_and_they_add_the_alias() -> None:
    for page in (REPOSITORY / "docs").rglob("*.md"):
        for line in page.read_text().splitlines():
            if "aws lambda invoke" in line and "$(id " in line.partition("--payload")[0].partition("/dev")[0]:
                assert f'Function):{ALIAS}"' in line, line


# ---------------------------------------------------------------------------- What publishes a version


def versions(overrides: Mapping[str, str] | None = None, code: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the logical id of each function's version: another id makes CloudFormation publish another version."""
    found = transformed(overrides, code)["Resources"]
    return {
        each["Properties"]["FunctionName"]["Ref"]: name
        for name, each in found.items()
        if each["Type"] == "AWS::Lambda::Version"
    }


def changed(code: Mapping[str, str]) -> set[str]:
    before, after = versions(), versions(code=code)
    return {name for name in before if before[name] != after[name]}


def test_new_code_of_a_function_publishes_its_version() -> None:
    assert changed({"ApiVideosFunction": "s3://packages/new"}) == {"ApiVideosFunction"}


def test_a_changed_layer_publishes_versions_of_all_functions_that_have_it() -> None:
    assert changed({"DreamVisionLayer": "s3://packages/new"}) == set(versions())
    assert changed({"PromptsLayer": "s3://packages/new"}) == IMPORT_THE_CLAUDE_SDK
    assert "ApiVideosFunction" in changed({"ApiLayer": "s3://packages/new"})


def test_the_transform_overlooks_changed_parameters() -> None:
    """Without a version the alias would keep the old value. Once SAM resolves parameters, the next test can go."""
    assert versions({"ClaudeModel": "claude-opus-5"}) == versions()


def test_a_changed_parameter_or_template_changes_the_layer_of_all_functions(tmp_path: Path) -> None:
    for name in ("samconfig.toml", "template.yaml"):
        source = tmp_path / name / "repository"
        layer = source / "layers" / "dreamvision"
        shutil.copytree(REPOSITORY / "layers" / "dreamvision" / "deployment", layer / "deployment", symlinks=True)
        for each in ("samconfig.toml", "template.yaml"):
            shutil.copy(REPOSITORY / each, source)
        before = dir_checksum(str(layer), followlinks=True)
        (source / name).write_text((source / name).read_text() + "\n# changed\n")
        assert dir_checksum(str(layer), followlinks=True) != before, name


def test_the_layer_with_the_parameters_is_uploaded_from_the_repository() -> None:
    # Built, it would be a copy as old as the last `sam build`.
    assert "Metadata" not in template()["Resources"]["DreamVisionLayer"]
    assert {"Ref": "DreamVisionLayer"} in template()["Globals"]["Function"]["Layers"]


# ---------------------------------------------------------------------------- Canary


def test_a_canary_is_off_by_default_and_on_in_production() -> None:
    for stage in ("local", "dev"):
        kinds = {each["Type"].split("::")[1] for each in resources({"Stage": stage}).values()}
        assert "CodeDeploy" not in kinds
        aliases = of_type("AWS::Lambda::Alias", {"Stage": stage}).values()
        assert all("UpdatePolicy" not in each for each in aliases)


def test_with_a_canary_every_alias_is_shifted_by_a_group_of_its_own() -> None:
    groups = of_type("AWS::CodeDeploy::DeploymentGroup", CANARY)
    for name, alias in of_type("AWS::Lambda::Alias", CANARY).items():
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        group = f"{name.removesuffix(f'Alias{ALIAS}')}DeploymentGroup"
        assert update == {
            "ApplicationName": "<ServerlessDeploymentApplication>",
            "DeploymentGroupName": f"<{group}>",
        }
        properties = groups[group]["Properties"]
        assert properties["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent15Minutes"
        rollback = properties["AutoRollbackConfiguration"]
        assert rollback["Enabled"] is True
        assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(rollback["Events"])
        assert properties["AlarmConfiguration"]["Enabled"] is True
    role = resources(CANARY)["CodeDeployServiceRole"]["Properties"]
    assert [arn.rpartition("/")[2] for arn in role["ManagedPolicyArns"]] == ["AWSCodeDeployRoleForLambda"]


def rollback_alarms() -> dict[str, dict[str, Any]]:
    """The alarms that roll a canary back, by logical id."""
    (names,) = {
        tuple(alarm["Name"] for alarm in group["Properties"]["AlarmConfiguration"]["Alarms"])
        for group in of_type("AWS::CodeDeploy::DeploymentGroup", CANARY).values()
    }
    by_name = {
        each["Properties"].get("AlarmName"): (name, each["Properties"])
        for name, each in of_type("AWS::CloudWatch::Alarm", CANARY).items()
    }
    assert set(names) <= set(by_name), "an alarm that does not exist"
    return dict(by_name[name] for name in names)


def test_the_alarms_of_a_canary_show_a_broken_version_and_nothing_that_lasts() -> None:
    found = rollback_alarms()
    assert len(found) <= ALARMS_OF_A_GROUP
    for folder, alarm in {
        "functions/api/": "ApiFunctionErrorsAlarm",
        "functions/realtime/": "RealtimeErrorsAlarm",
        "functions/triggers/": "TriggerErrorsAlarm",
        "functions/workflows/dream_to_video/": "FailedVideosAlarm",
        "functions/workflows/erasure/": "FailedErasuresAlarm",
    }.items():
        assert alarm in found, folder
    # A message that nobody has read, a provider without credit or a busy day must not stop the deploy of a fix.
    assert {"AWS/SQS"}.isdisjoint(each.get("Namespace") for each in found.values())
    assert {"ProviderAccessAlarm", "ServiceQuotaAlarm", "ThrottlesAlarm", "StuckVideosAlarm"}.isdisjoint(found)


def test_an_alarm_of_a_canary_is_raised_before_the_canary_ends() -> None:
    for name, alarm in rollback_alarms().items():
        periods = [alarm.get("Period", 0)]
        periods += [each["MetricStat"]["Period"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        assert max(periods) * alarm["EvaluationPeriods"] <= CANARY_SECONDS, name
        # Before the first version, and in a quiet quarter of an hour.
        assert alarm["TreatMissingData"] == "notBreaching", name


# ---------------------------------------------------------------------------- SnapStart
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html


def test_snapshots_are_on_for_the_functions_that_import_the_claude_sdk() -> None:
    applied = {
        name: each["Properties"].get("SnapStart", {}).get("ApplyOn")
        for name, each in of_type("AWS::Lambda::Function", CANARY).items()
    }
    assert {name for name, value in applied.items() if value == "PublishedVersions"} == IMPORT_THE_CLAUDE_SDK
    assert {value for name, value in applied.items() if name not in IMPORT_THE_CLAUDE_SDK} == {None}
    for name in IMPORT_THE_CLAUDE_SDK:
        assert resources(PLAIN)[name]["Properties"]["SnapStart"] == {"ApplyOn": "None"}
    assert parameters_of(template())["SnapStart"] == "false"


def test_a_function_with_snapshots_has_nothing_that_excludes_them() -> None:
    for name in IMPORT_THE_CLAUDE_SDK:
        properties = resources(CANARY)[name]["Properties"]
        assert properties["Runtime"] >= "python3.12"
        assert properties.get("EphemeralStorage", {}).get("Size", 512) <= 512
        assert {"FileSystemConfigs", "ImageConfig"}.isdisjoint(properties)
        alias = resources(CANARY)[f"{name}Alias{ALIAS}"]["Properties"]
        assert "ProvisionedConcurrencyConfig" not in alias


def test_an_old_version_with_a_snapshot_is_deleted_because_it_costs() -> None:
    policies = {
        each["Properties"]["FunctionName"].strip("<>"): each["DeletionPolicy"]
        for each in of_type("AWS::Lambda::Version", CANARY).values()
    }
    assert {name for name, policy in policies.items() if policy == "Delete"} == IMPORT_THE_CLAUDE_SDK
    assert {policy for name, policy in policies.items() if name not in IMPORT_THE_CLAUDE_SDK} == {"Retain"}
