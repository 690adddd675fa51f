"""The text of the template: length, table of contents, references, unused declarations."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from local.transformed import transformed
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

TEXT = (REPOSITORY / "template.yaml").read_text()
# Room for what a service needs besides the application: alarms, dead letters, operations, CloudFront, WAF, domains.
MAX_LINES = 3575
MAX_WIDTH = 120
# Outputs serve operators (docs) and the local stack.
READERS = ("local", "docs")
_PSEUDO = "AWS::"


def references(node: Any) -> Iterator[str]:
    """Yield every name that ``Ref``, ``Fn::GetAtt``, ``Fn::Sub``, ``Fn::If`` and ``Condition`` refer to."""
    if isinstance(node, list):
        for each in node:
            yield from references(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _named_by(key, value)
            yield from references(value)


def _named_by(key: str, value: Any) -> Iterator[str]:
    if key in ("Ref", "Condition") and isinstance(value, str):
        yield value
    elif key in ("Fn::GetAtt", "Fn::If"):
        yield str(value[0])
    elif key == "Fn::Sub":
        text, names = value if isinstance(value, list) else (value, {})
        yield from (name for name in re.findall(r"\$\{(\w[\w:]*)", text) if name not in names)


def used_names() -> set[str]:
    """The names that rules, conditions, globals, resources and outputs refer to."""
    sections = ("Rules", "Conditions", "Globals", "Resources", "Outputs")
    return set(references([template()[section] for section in sections]))


def test_the_template_is_short() -> None:
    lines = TEXT.splitlines()
    assert len(lines) <= MAX_LINES
    # An ARN has no blank to fold at.
    assert [line for line in lines if len(line) > MAX_WIDTH and "arn:" not in line] == []


def test_the_table_of_contents_lists_the_sections_in_order() -> None:
    sections = re.findall(r"^ *# -{20,} (.+)$", TEXT, re.MULTILINE)
    contents = re.findall(r"^#   (\S.*)$", TEXT.partition("AWSTemplateFormatVersion")[0], re.MULTILINE)
    assert contents == sections
    assert len(set(sections)) == len(sections)


def test_everything_is_written_out_in_one_file() -> None:
    types = {each["Type"] for each in template()["Resources"].values()}
    assert types.isdisjoint({"AWS::CloudFormation::Stack", "AWS::Serverless::Application"})
    assert "AWS::Include" not in TEXT
    tokens = list(yaml.scan(TEXT))
    assert not any(isinstance(token, yaml.AnchorToken | yaml.AliasToken) for token in tokens)


def test_every_reference_has_a_target() -> None:
    document = template()
    known = {name for section in ("Parameters", "Conditions", "Resources") for name in document[section]}
    # What SAM makes of the short forms: rules of events, roles of functions, stages of APIs.
    made = transformed()["Resources"]
    known |= made.keys() | {
        f"{name.removesuffix('Aliaslive')}.Alias" for name, each in made.items() if each["Type"] == "AWS::Lambda::Alias"
    }
    assert {name for name in used_names() - known if not name.startswith(_PSEUDO)} == set()


def test_every_parameter_and_condition_is_used() -> None:
    document = template()
    used = used_names()
    assert set(document["Parameters"]) - used == set()
    assert set(document["Conditions"]) - used == set()


def test_every_log_group_layer_and_secret_is_used() -> None:
    document = template()
    passive = ("AWS::Logs::LogGroup", "AWS::Serverless::LayerVersion", "AWS::SecretsManager::Secret")
    used = set(references([document["Globals"], document["Resources"]]))
    assert {name for name, each in document["Resources"].items() if each["Type"] in passive} - used == set()


def test_every_output_is_read() -> None:
    texts = [
        file.read_text()
        for folder in READERS
        for file in (REPOSITORY / folder).rglob("*")
        if file.suffix in (".py", ".md")
    ]
    unread = [name for name in template()["Outputs"] if not any(re.search(rf"\b{name}\b", text) for text in texts)]
    assert unread == []


def test_every_index_is_queried() -> None:
    code = "".join(file.read_text() for file in (REPOSITORY / "layers" / "dreamvision").rglob("*.py"))
    for name, table in template()["Resources"].items():
        properties = table.get("Properties", {})
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for index in properties.get(kind, []):
                assert f'"{index["IndexName"]}"' in code, f"{name}: {index['IndexName']}"
