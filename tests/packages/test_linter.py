"""cfn-lint on the templates, and on ours as CloudFormation receives it: for each stage and with extreme parameters."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from local.deploy_policy import ROLE_TEMPLATE
from local.transformed import transformed
from tests.conftest import REPOSITORY
from tests.fakes.resolved_template import HIGHEST, LOWEST, resolved_template

STAGES: dict[str, dict[str, str]] = {"dev": {}, "prod": {"Stage": "prod", "Canary": "true", "SnapStart": "true"}}
EXTREMES = {"lowest": LOWEST, "highest": HIGHEST}


def findings(files: Iterable[Path]) -> dict[Path, list[str]]:
    """Return what the linter finds in each of the files. It takes as long to start as to read a template."""
    found: dict[Path, list[str]] = {file: [] for file in files}
    linter = Path(sys.executable).parent / "cfn-lint"
    command = [str(linter), "--format", "json", "--region", "us-east-1", "--", *map(str, found)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    for each in json.loads(result.stdout):
        found[Path(each["Filename"])].append(f"{each['Rule']['Id']} {each['Location']['Path']}: {each['Message']}")
    assert (result.returncode == 0) is not any(found.values()), result.stderr
    return found


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    templates: dict[str, Any] = {stage: transformed(overrides) for stage, overrides in STAGES.items()}
    templates |= {extreme: resolved_template(overrides) for extreme, overrides in EXTREMES.items()}
    files = {"template": REPOSITORY / "template.yaml", "deploy role": ROLE_TEMPLATE}
    for name, template in templates.items():
        files[name] = tmp_path_factory.mktemp("linted") / "template.json"
        files[name].write_text(json.dumps(template, default=str))
    found = findings(files.values())
    return {name: found[file] for name, file in files.items()}


@pytest.mark.parametrize("name", ["template", "deploy role", *STAGES, *EXTREMES])
def test_the_linter_has_no_findings(linted: dict[str, list[str]], name: str) -> None:
    assert linted[name] == []
