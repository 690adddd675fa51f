"""What generators of clients need of the OpenAPI document: types everywhere, plain patterns, named enums."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.schemas.dreams import DreamAnalysisRequest
from dreamvision.schemas.error_codes import ErrorCode
from dreamvision.schemas.users import PasswordResetRequest
from tests.conftest import REPOSITORY

type Json = dict[str, Any]

_NAMED = ("properties", "schemas", "$defs")
_WITH_SCHEMA = ("schema", "items", "additionalProperties")
_WITH_SCHEMAS = ("anyOf", "oneOf", "allOf", "prefixItems")


@pytest.fixture(scope="module")
def document() -> Json:
    found: Json = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())
    return found


def schemas_in(node: Any, path: str = "") -> Iterator[tuple[str, Json]]:
    """Return every schema with its location."""
    if isinstance(node, list):
        for index, each in enumerate(node):
            yield from schemas_in(each, f"{path}/{index}")
    if not isinstance(node, dict):
        return
    for key, each in node.items():
        below = f"{path}/{key}"
        if key in ("example", "examples", "value"):
            continue
        if key in _NAMED and isinstance(each, dict):
            yield from ((f"{below}/{name}", schema) for name, schema in each.items())
        elif key in _WITH_SCHEMA and isinstance(each, dict):
            yield below, each
        elif key in _WITH_SCHEMAS:
            yield from ((f"{below}/{index}", schema) for index, schema in enumerate(each))
        yield from schemas_in(each, below)


@pytest.mark.parametrize(("name", "least"), [("openapi.json", 300), ("asyncapi.json", 50)])
def test_every_schema_has_a_type(name: str, least: int) -> None:
    found = [*schemas_in(json.loads((REPOSITORY / "docs" / name).read_text()))]
    typed = {"type", "$ref", "anyOf", "oneOf", "allOf"}
    assert len(found) > least
    assert [path for path, schema in found if not typed & schema.keys()] == []


def test_a_schema_with_rules_of_its_own_has_a_plain_type(document: Json) -> None:
    """Generators take the type of ``allOf`` from its members, and forget the one beside it."""
    mixed = [path for path, schema in schemas_in(document) if "allOf" in schema and "type" in schema]
    assert mixed == []


@pytest.mark.parametrize(("name", "least"), [("openapi.json", 10), ("asyncapi.json", 2)])
def test_patterns_have_no_escape_above_latin_1(name: str, least: int) -> None:
    """Generators write these as characters: a line separator ends a literal, an astral range is not a range."""
    document = json.loads((REPOSITORY / "docs" / name).read_text())
    patterns = {schema["pattern"] for _, schema in schemas_in(document) if "pattern" in schema}
    assert len(patterns) >= least
    assert [pattern for pattern in patterns if not pattern.isascii() or not pattern.isprintable()] == []
    assert [pattern for pattern in patterns if "\\u" in pattern or "\\p" in pattern or "(?" in pattern] == []


_SPACES = [chr(code) for code in range(0x3001) if chr(code).isspace()]


@pytest.mark.parametrize("space", _SPACES, ids=lambda space: f"U+{ord(space):04X}")
@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (DreamAnalysisRequest, "dream_text", "I was fly"),
        (PasswordResetRequest, "new_password", "Moonlight7"),
        (PasswordResetRequest, "code", "123"),
    ],
)
def test_the_service_accepts_what_the_schema_does_whatever_a_space_is(
    document: Json, model: type[BaseModel], name: str, value: str, space: str
) -> None:
    """The spaces of Python, of Rust and of ECMAScript, whose patterns JSON Schema has, are not the same."""
    published = document["components"]["schemas"][model.__name__]["properties"][name]
    reads = jsonschema_rs.validator_for(published)
    adapter = TypeAdapter(model.__annotations__[name])
    for text in (space + value, value + space, space * 8 + value):
        try:
            adapter.validate_python(text)
        except ValidationError:
            assert not reads.is_valid(text)
        else:
            assert reads.is_valid(text)


def test_closed_lists_are_named_enums(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["SubscriptionTier"]["enum"] == [*SubscriptionTier]
    assert schemas["ErrorCode"]["enum"] == [*ErrorCode]
    for name in ("DreamSummary", "DreamDetail", "VideoStatusResponse"):
        branches = schemas[name]["properties"]["error_code"]["anyOf"]
        assert branches == [{"$ref": "#/components/schemas/ErrorCode"}, {"type": "null"}]
    assert schemas["UserProfile"]["properties"]["subscription_tier"]["$ref"].endswith("/SubscriptionTier")
    assert schemas["Quota"]["properties"]["tier"]["$ref"].endswith("/SubscriptionTier")
    assert schemas["Problem"]["properties"]["type"] == {"$ref": "#/components/schemas/ProblemType"}
    assert schemas["ProblemType"]["type"] == "string"


def test_both_answers_of_the_main_call_have_the_ids_at_the_top(document: Json) -> None:
    responses = document["paths"]["/api/v1/dreams/generate-video"]["post"]["responses"]
    for status in ("200", "202"):
        name = responses[status]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert {"dream_id", "job_id"} <= set(document["components"]["schemas"][name]["required"])


def test_list_and_detail_are_named_for_what_they_are(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["DreamListResponse"]["properties"]["dreams"]["items"]["$ref"].endswith("/DreamSummary")
    detail = document["paths"]["/api/v1/dreams/{dream_id}"]["get"]["responses"]["200"]
    assert detail["content"]["application/json"]["schema"]["$ref"].endswith("/DreamDetail")
    assert {*schemas["DreamDetail"]["properties"]} - {*schemas["DreamSummary"]["properties"]} == {"video"}


def test_no_number_becomes_a_bigint(document: Json) -> None:
    """Generators read format int64 as a bigint, which JSON cannot express; every number of ours fits a double."""
    assert [path for path, schema in schemas_in(document) if schema.get("format") == "int64"] == []
