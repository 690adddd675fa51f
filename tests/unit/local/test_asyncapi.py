"""The AsyncAPI document: complete, and consistent with its models. Whether it is up to date: ``test_openapi.py``."""

import json
from typing import Any

import pytest

from dreamvision.schemas import realtime
from dreamvision.schemas.realtime import Message
from local.openapi.asyncapi import RECEIVED, SENT
from tests.conftest import REPOSITORY
from tests.fakes.sockets import validators

type Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    found: Json = json.loads((REPOSITORY / "docs" / "asyncapi.json").read_text())
    return found


def test_every_message_is_described(document: Json) -> None:
    models = {each for each in vars(realtime).values() if isinstance(each, type) and issubclass(each, Message)}
    assert models - {Message} == set(SENT)
    assert {*document["components"]["messages"]} == {model.__name__ for model in (*SENT, *RECEIVED)}
    assert {*document["channels"]["updates"]["messages"]} == {*document["components"]["messages"]}


def test_every_reference_leads_somewhere(document: Json) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for each in node for found in references(each)]
        if not isinstance(node, dict):
            return []
        return [node["$ref"]] if "$ref" in node else [found for each in node.values() for found in references(each)]

    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_example_is_valid_and_the_models_read_it(document: Json) -> None:
    for model in (*SENT, *RECEIVED):
        message = document["components"]["messages"][model.__name__]
        (example,) = (each["payload"] for each in message["examples"])
        assert [error.message for error in validators()[message["name"]].iter_errors(example)] == [], model
        if model in SENT:
            assert message["name"] == example["type"]
        fields = set(document["components"]["schemas"][model.__name__]["properties"])
        assert fields == set(model.model_fields)


def test_absent_fields_are_optional_and_never_null(document: Json) -> None:
    video = document["components"]["schemas"]["VideoUpdated"]
    assert "video_url" not in video["required"]
    assert video["properties"]["video_url"]["type"] == "string"
    assert {"type", "job_id", "status", "updated_at"} <= set(video["required"])
    assert '"null"' not in json.dumps(document)
