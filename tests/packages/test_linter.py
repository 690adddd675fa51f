"""cfn-lint on the templates, and on ours as CloudFormation receives it: for each stage and with extreme parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.deploy_policy import ROLE_TEMPLATE
from local.transformed import transformed
from tests.conftest import REPOSITORY
from tests.fakes.resolved_template import HIGHEST, LOWEST, resolved_template
from tests.packages.cfn_lint import findings

STAGES: dict[str, dict[str, str]] = {"dev": {}, "prod": {"Stage": "prod", "Canary": "true", "SnapStart": "true"}}
EXTREMES = {"lowest": LOWEST, "highest": HIGHEST}


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    templates: dict[str, Any] = {stage: transformed(overrides) for stage, overrides in STAGES.items()}
    templates |= {extreme: resolved_template(overrides) for extreme, overrides in EXTREMES.items()}
    files = {"template": REPOSITORY / "template.yaml", "deploy role": ROLE_TEMPLATE}
    for name, template in templates.items():
        files[name] = tmp_path_factory.mktemp("linted") / "template.json"
        files[name].write_text(json.dumps(template, default=str))
    found: dict[Path, list[str]] = {file: [] for file in files.values()}
    for each in findings(found):
        found[Path(each["Filename"])].append(f"{each['Rule']['Id']} {each['Location']['Path']}: {each['Message']}")
    return {name: found[file] for name, file in files.items()}


@pytest.mark.parametrize("name", ["template", "deploy role", *STAGES, *EXTREMES])
def test_the_linter_has_no_findings(linted: dict[str, list[str]], name: str) -> None:
    assert linted[name] == []
