"""Every policy of the template passes cfn-lint's rules for IAM.

The rules know each service's actions and the kinds of resources that an action accepts (W3037, I3510; I3510 is off by
default), and the grammar of identity, resource and trust policies (E3510, E3512, E3530). cfn-lint belongs to AWS and
renews this data with its frequent releases. The alternatives: parliament has had no release since April 2025 and needs
setuptools' removed ``pkg_resources``; policy_sentry writes policies and does not check them; Access Analyzer's
``validate-policy`` needs an account. cfn-lint skips resources that are references, so these policies have real ARNs.
"""

import json
import re
from pathlib import Path
from typing import Any

from tests.packages.cfn_lint import findings
from tests.permissions.roles import ACCOUNT, resources

POLICIES = ("AWS::IAM::Role", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy")
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{ACCOUNT}:table/{{}}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{ACCOUNT}:secret:{{}}-abcdef",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{ACCOUNT}:stateMachine:{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{ACCOUNT}:function:{{}}",
    "AWS::Lambda::Alias": f"arn:aws:lambda:{ACCOUNT}:function:{{}}:live",
    "AWS::Cognito::UserPool": f"arn:aws:cognito-idp:{ACCOUNT.partition(':')[0]}:123456789012:userpool/{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{ACCOUNT}:{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{ACCOUNT}:rule/{{}}",
}
REFERENCED_BY_ARN = ("AWS::StepFunctions::StateMachine", "AWS::Lambda::Alias")


def _value(reference: re.Match[str]) -> str:
    """Return a value for ``<LogicalId>`` or ``<LogicalId.Attribute>``."""
    name, _, attribute = reference[1].partition(".")
    kind = resources()[name]["Type"]
    if attribute == "StreamArn":
        return f"{ARNS[kind].format(name)}/stream/2026-01-01T00:00:00.000"
    names_an_arn = attribute in ("Arn", "Id") or (not attribute and kind in REFERENCED_BY_ARN)
    return ARNS[kind].format(name.lower() if "S3" in kind else name) if names_an_arn else name.lower()


def _template() -> dict[str, Any]:
    found = {name: each for name, each in resources().items() if each["Type"] in POLICIES}
    text = re.sub(r"<(\w+(?:\.\w+)?)>", _value, json.dumps(found))
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": json.loads(text)}


def _findings(template: dict[str, Any], file: Path) -> set[tuple[str, str]]:
    """Return the rule and the resource of each finding."""
    file.write_text(json.dumps(template))
    found = findings([file], "--include-checks", "I3510")
    return {(each["Rule"]["Id"], each["Location"]["Path"][1]) for each in found}


def test_the_linter_has_no_findings_in_the_policies(tmp_path: Path) -> None:
    template = _template()
    assert len(template["Resources"]) >= 30
    assert "<" not in json.dumps(template)
    assert _findings(template, tmp_path / "policies.json") == set()


MISTAKES = {
    "W3037": ('"dynamodb:GetItem"', '"dynamodb:ReadItem"'),
    "I3510": ('"states:StopExecution"', '"states:StartExecution"'),
    "E3510": ('"Effect": "Allow", "Action": ["dynamodb', '"Effect": "Permit", "Action": ["dynamodb'),
    "E3530": ('"Principal"', '"Principals"'),
}


def test_the_linter_finds_mistakes(tmp_path: Path) -> None:
    role = json.dumps(_template()["Resources"]["ApiVideosFunctionRole"])
    assert all(before in role for before, _ in MISTAKES.values())
    roles = {rule: json.loads(role.replace(before, after)) for rule, (before, after) in MISTAKES.items()}
    found = _findings({"AWSTemplateFormatVersion": "2010-09-09", "Resources": roles}, tmp_path / "policies.json")
    assert {(rule, rule) for rule in MISTAKES} <= found
