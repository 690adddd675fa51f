"""Parameters in the documents' samples of samconfig.toml: CloudFormation would accept them."""

import re
import tomllib
from typing import Any

import pytest

from local.transformed import Evaluation
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

SAMPLES = [
    (page.name, table["global"]["parameters"]["parameter_overrides"])
    for page in sorted((REPOSITORY / "docs").glob("*.md"))
    for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    for table in tomllib.loads(block).values()
]


def refusals(pairs: list[str]) -> list[str]:
    """Return what CloudFormation would say against these parameters."""
    declared: dict[str, Any] = template()["Parameters"]
    values = dict(pair.split("=", 1) for pair in pairs)
    found = [f"no parameter {name}" for name in values if name not in declared]
    found += [f"{name} is missing" for name, each in declared.items() if "Default" not in each and name not in values]
    if found:
        return found
    for name, value in values.items():
        pattern = declared[name].get("AllowedPattern", ".*")
        found += [f"{name}={value}"] if not re.fullmatch(pattern, value) else []
    return found or Evaluation(template(), values).refusals()


def test_samples_are_found() -> None:
    assert {page for page, _ in SAMPLES} >= {"AWS-SETUP.md", "DEPLOYMENT.md"}


@pytest.mark.parametrize(("page", "pairs"), SAMPLES)
def test_a_sample_is_accepted(page: str, pairs: list[str]) -> None:
    assert refusals(pairs) == []


def test_a_wrong_sample_is_found() -> None:
    key_group = "VideoKeyGroup=b70a97b0-0bd5-4c1b-8a2c-5d9f0e6f2a11"
    assert refusals(["Stag=prod", key_group]) == ["no parameter Stag"]
    assert refusals(["Stage=dev"]) == ["VideoKeyGroup is missing"]
    assert len(refusals(["Stage=prod", "LogRetentionDays=90", key_group])) == 2
    assert refusals(["EmailFrom=a@example.com", "EmailIdentityArn=here", key_group]) == ["EmailIdentityArn=here"]
