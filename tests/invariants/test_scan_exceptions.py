"""The exceptions from checkov's rules: each has a reason and names resources that exist (``make checkov`` runs it)."""

import re
from collections import Counter
from fnmatch import fnmatchcase
from functools import cache

import pytest

from local.cloudformation_yaml import load_template
from local.deploy_policy import resources_of_the_stack
from local.scan.checkov import DEPLOY_ROLE, EXCEPTIONS_FILE, Exemption, exemptions
from tests.conftest import REPOSITORY

EXEMPTIONS = exemptions()


@cache
def resources() -> frozenset[str]:
    return frozenset({*resources_of_the_stack(), *load_template(DEPLOY_ROLE.read_text())["Resources"]})


@pytest.mark.parametrize("exempt", EXEMPTIONS, ids=lambda each: each.check)
def test_an_exception_has_a_reason(exempt: Exemption) -> None:
    assert re.fullmatch(r"CKV2?_AWS_\d+", exempt.check)
    assert len(exempt.reason.split()) >= 10
    assert exempt.reason.endswith((".", ")."))


@pytest.mark.parametrize("exempt", EXEMPTIONS, ids=lambda each: each.check)
def test_an_exception_names_resources_of_the_templates(exempt: Exemption) -> None:
    assert exempt.resources
    for pattern in exempt.resources:
        assert any(fnmatchcase(name, pattern) for name in resources()), pattern
        assert pattern.strip("*"), "an exception for everything"


def test_a_rule_has_one_exception() -> None:
    assert [check for check, count in Counter(each.check for each in EXEMPTIONS).items() if count > 1] == []


def test_files_in_the_reasons_exist() -> None:
    named = re.findall(r"\b(?:docs|tests)/[\w./-]+\.\w+", EXCEPTIONS_FILE.read_text())
    assert named
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_rules_are_excepted_nowhere_else() -> None:
    for file in (REPOSITORY / "template.yaml", DEPLOY_ROLE):
        assert not re.search(r"checkov|CKV_", file.read_text()), file.name
