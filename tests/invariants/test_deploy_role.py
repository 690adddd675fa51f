"""The template of the deploy role: who may assume it, and that it may do what the generated policy says, no more."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.cloudformation_yaml import load_template
from local.deploy_policy import POLICY_FILE, ROLE_TEMPLATE, STACKS
from local.transformed import Evaluation

TEMPLATE: dict[str, Any] = load_template(ROLE_TEMPLATE.read_text())
REPOSITORY_IDS = "octo-org@123456/octo-repo@456789"
CLAIM = "token.actions.githubusercontent.com:"


def created(environment: str, **parameters: str) -> dict[str, dict[str, Any]]:
    given = {"Environment": environment, "Repository": REPOSITORY_IDS, **parameters}
    return Evaluation(TEMPLATE, given).resources()


def trust(environment: str, **parameters: str) -> dict[str, Any]:
    (statement,) = created(environment, **parameters)["DeployRole"]["Properties"]["AssumeRolePolicyDocument"][
        "Statement"
    ]
    found: dict[str, Any] = statement
    return found


def policy(environment: str) -> dict[str, Any]:
    found: dict[str, Any] = created(environment)["DeployPolicy"]["Properties"]["PolicyDocument"]
    return found


# https://docs.github.com/en/actions/reference/security/oidc; the ref is a condition key of AWS STS since 2026-01:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
@pytest.mark.parametrize(("environment", "ref"), [("dev", "refs/heads/main"), ("prod", "refs/tags/v*")])
def test_only_this_repository_and_environment_may_assume_the_role(environment: str, ref: str) -> None:
    statement = trust(environment)
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            f"{CLAIM}aud": "sts.amazonaws.com",
            f"{CLAIM}sub": f"repo:{REPOSITORY_IDS}:environment:{environment}",
        },
        "StringLike": {f"{CLAIM}ref": ref},
    }


@pytest.mark.parametrize(
    ("repository", "accepted"),
    [
        (REPOSITORY_IDS, True),
        ("octo-org/octo.repo_1", True),
        ("octo-org@*/octo-repo@*", False),
        ("octo-org/*", False),
        ("octo-org", False),
        ("octo-org/octo-repo:ref", False),
        ("", False),
    ],
)
def test_a_repository_is_named_without_wildcards(repository: str, accepted: bool) -> None:
    assert (re.fullmatch(TEMPLATE["Parameters"]["Repository"]["AllowedPattern"], repository) is not None) is accepted


def test_an_account_has_one_provider() -> None:
    assert trust("dev")["Principal"] == {"Federated": "<Provider>"}
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    assert re.fullmatch(TEMPLATE["Parameters"]["ProviderArn"]["AllowedPattern"], arn)
    assert "Provider" not in created("prod", ProviderArn=arn)
    assert trust("prod", ProviderArn=arn)["Principal"] == {"Federated": arn}


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_role_has_the_generated_policy_for_its_own_stacks(environment: str) -> None:
    generated = json.loads(POLICY_FILE.read_text().replace("dreamvision-*", f"dreamvision-{environment}*"))
    assert policy(environment) == generated
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 6,144 characters without white space
    assert len(json.dumps(policy(environment), separators=(",", ":"))) <= 6144


def test_the_role_cannot_change_itself() -> None:
    for environment in ("dev", "prod"):
        resources = created(environment)
        # Nor can a person with the policy for all environments.
        assert not fnmatchcase(resources["DeployRole"]["Properties"]["RoleName"], STACKS)
        own = (
            f"arn:aws:iam::123456789012:role/{resources['DeployRole']['Properties']['RoleName']}",
            f"arn:aws:iam::123456789012:policy/{resources['DeployPolicy']['Properties']['ManagedPolicyName']}",
            "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        )
        for statement in policy(environment)["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            patterns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            if any(action.startswith(("iam:", "*")) for action in actions):
                assert not any(fnmatchcase(arn, pattern) for arn in own for pattern in patterns), statement["Sid"]


def test_a_session_ends_after_an_hour() -> None:
    assert created("prod")["DeployRole"]["Properties"]["MaxSessionDuration"] == 3600
