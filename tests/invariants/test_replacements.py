"""Updates that would give the stack empty tables, another user pool or another bucket.

CloudFormation replaces a resource if certain properties change. The old one is kept (``UpdateReplacePolicy: Retain``),
but the functions would use the new, empty one.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from local.transformed import Evaluation, transformed
from tests.fakes.resolved_template import EVERYTHING, HIGHEST

TEMPLATE = transformed()
KEPT = {
    name: each["Type"]
    for name, each in TEMPLATE["Resources"].items()
    if each["Type"] in ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool", "AWS::S3::Bucket")
}
# Beside the schemas' own lists: "Update requires: Replacement" on the resources' pages, or refused by the service.
REPLACING: dict[str, set[str]] = {
    "AWS::DynamoDB::Table": {"KeySchema", "LocalSecondaryIndexes", "TableName"},
    "AWS::Cognito::UserPool": {"AliasAttributes", "Schema", "UsernameAttributes", "UsernameConfiguration"},
    "AWS::S3::Bucket": {"BucketName"},
}
# Changing one of these lines loses the table's rows, unless they are moved first.
TABLES: dict[str, tuple[list[str], dict[str, tuple[list[str], list[str] | str]]]] = {
    "ProfilesTable": (["user_id"], {}),
    "DreamsTable": (
        ["user_id", "dream_id"],
        {
            "by_analysis": (
                ["user_id", "analyzed_at"],
                ["category", "template_used", "confidence", "video_prompt", "latest_job_id"],
            )
        },
    ),
    "VideosTable": (["user_id", "job_id"], {"by_update": (["user_id", "updated_at"], "ALL")}),
    "GuardsTable": (["guard"], {}),
    "ConnectionsTable": (["user_id", "connection_id"], {}),
}


@cache
def replacing_properties(kind: str) -> set[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    listed = [*schema.get("createOnlyProperties", []), *schema.get("conditionalCreateOnlyProperties", [])]
    return REPLACING[kind] | {path.split("/")[2] for path in listed}


def identities(**overrides: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the resources with data that replace them when they change."""
    resources = Evaluation(TEMPLATE, overrides).resources()
    return {
        name: {key: resources[name]["Properties"].get(key) for key in replacing_properties(kind)}
        for name, kind in KEPT.items()
        if name in resources
    }


def changes() -> Iterator[tuple[str, str]]:
    """Yield other values of every parameter."""
    for name, declared in TEMPLATE["Parameters"].items():
        values = {str(value) for value in declared.get("AllowedValues", [])}
        values |= {each[name] for each in (EVERYTHING, HIGHEST) if name in each}
        yield from ((name, value) for value in sorted(values - {str(declared.get("Default"))}))


@pytest.mark.parametrize(("name", "value"), list(changes()))
def test_no_parameter_replaces_what_holds_data(name: str, value: str) -> None:
    before = identities()
    after = identities(**{name: value})
    assert {each: after[each] for each in before} == before


def test_keys_and_local_indexes_of_tables_are_for_good() -> None:
    assert {name for name, kind in KEPT.items() if kind == "AWS::DynamoDB::Table"} == TABLES.keys()
    for name, (keys, indexes) in TABLES.items():
        properties = TEMPLATE["Resources"][name]["Properties"]
        assert [key["AttributeName"] for key in properties["KeySchema"]] == keys, name
        found = {
            index["IndexName"]: (
                [key["AttributeName"] for key in index["KeySchema"]],
                index["Projection"].get("NonKeyAttributes", index["Projection"]["ProjectionType"]),
            )
            for index in properties.get("LocalSecondaryIndexes", [])
        }
        assert found == indexes, name


def test_what_identifies_users_is_for_good() -> None:
    properties = TEMPLATE["Resources"]["UserPool"]["Properties"]
    found = {key: properties.get(key) for key in replacing_properties("AWS::Cognito::UserPool")}
    assert {key: value for key, value in found.items() if value is not None} == {
        "UsernameAttributes": ["email"],
        "UsernameConfiguration": {"CaseSensitive": False},
    }


def test_what_holds_data_has_a_generated_name() -> None:
    # A stack that is deployed again beside what it kept would fail on a given one.
    for name, kind in KEPT.items():
        given = {"TableName", "BucketName", "UserPoolName"} & TEMPLATE["Resources"][name]["Properties"].keys()
        assert not given, (name, kind)
