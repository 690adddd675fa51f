"""The trigger that Cognito calls before it issues tokens."""

import json
import re
import subprocess
import sys
from runpy import run_path
from typing import Any

import pytest

from dreamvision.auth.tokens import SCOPE
from tests.conftest import REPOSITORY, load_event
from tests.fakes.token_issuer import COGNITO_SCOPE

_APP = REPOSITORY / "functions" / "triggers" / "pre_token_generation" / "app.py"
# The trigger must answer within 5 s including its cold start.
_SLOW_IMPORTS = ("pydantic", "boto3", "aws_lambda_powertools", "dreamvision")
# The response of a version 2 event, from AWS's documentation (link in the trigger).
_TOKEN_CHANGES = {"claimsToAddOrOverride", "claimsToSuppress", "scopesToAdd", "scopesToSuppress"}
# An OAuth scope token without the slash, twice: a resource server and its scope (RFC 6749, section 3.3).
_SCOPE_SHAPE = r"[\x21\x23-\x2E\x30-\x5B\x5D-\x7E]{1,256}"


@pytest.fixture
def trigger() -> Any:
    return run_path(str(_APP))["handler"]


@pytest.mark.parametrize("source", ["TokenGeneration_Authentication", "TokenGeneration_RefreshTokens"])
def test_the_scope_of_cognito_is_replaced_by_ours(trigger: Any, source: str) -> None:
    event = load_event("triggers/pre-token-generation") | {"triggerSource": source}

    answer = trigger(event, None)

    changes = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert changes == {"scopesToAdd": [SCOPE], "scopesToSuppress": [COGNITO_SCOPE]}


def test_the_answer_is_the_event_with_a_response_of_version_2(trigger: Any) -> None:
    event = load_event("triggers/pre-token-generation")

    answer = trigger(dict(event), None)

    assert {name: value for name, value in answer.items() if name != "response"} == {
        name: value for name, value in event.items() if name != "response"
    }
    assert answer["response"].keys() == {"claimsAndScopeOverrideDetails"}
    details = answer["response"]["claimsAndScopeOverrideDetails"]
    assert details.keys() <= {"idTokenGeneration", "accessTokenGeneration", "groupOverrideDetails"}
    assert details["accessTokenGeneration"].keys() <= _TOKEN_CHANGES
    assert json.loads(json.dumps(answer)) == answer


def test_a_repeated_event_changes_nothing_else(trigger: Any) -> None:
    once = trigger(load_event("triggers/pre-token-generation"), None)

    assert trigger(dict(once), None) == once


@pytest.mark.parametrize("version", [None, "1", "3"])
def test_no_token_is_issued_if_the_answer_would_have_no_effect(version: str | None) -> None:
    module = run_path(str(_APP))
    with pytest.raises(module["EventVersionError"]):
        module["handler"](load_event("triggers/pre-token-generation") | {"version": version}, None)


def test_the_scope_has_the_form_of_a_resource_servers() -> None:
    assert re.fullmatch(f"{_SCOPE_SHAPE}/{_SCOPE_SHAPE}", SCOPE)
    assert not SCOPE.startswith("aws.")


def test_nothing_slow_is_imported() -> None:
    probe = f"import json, runpy, sys; runpy.run_path({str(_APP)!r}); print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", probe], env={}, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(answer.stdout)}
    assert loaded.isdisjoint(_SLOW_IMPORTS)
