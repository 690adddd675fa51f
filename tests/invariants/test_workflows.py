"""GitHub workflows as data: pinned actions, least permissions, no injected expressions, commands that exist."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from samcli.commands.build.command import cli as sam_build
from samcli.commands.deploy.command import cli as sam_deploy

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))
FILES = [*WORKFLOWS, *ACTIONS]
SAM_CONFIG: dict[str, Any] = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
SAM_COMMANDS = {"build": sam_build, "deploy": sam_deploy}
EXPRESSION = re.compile(r"\$\{\{[^}]*\}\}")


def loaded(file: Path) -> dict[str, Any]:
    # BaseLoader: the key "on" is a boolean to the others.
    found: dict[str, Any] = yaml.load(file.read_text(), Loader=yaml.BaseLoader)
    return found


CI, DEPLOY = loaded(GITHUB / "workflows" / "ci.yml"), loaded(GITHUB / "workflows" / "deploy.yml")


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in WORKFLOWS:
        for name, job in loaded(file)["jobs"].items():
            yield f"{file.name} {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job.get("steps", []):
            yield name, step
    for file in ACTIONS:
        for step in loaded(file)["runs"]["steps"]:
            yield file.parent.name, step


def commands(pattern: str) -> list[list[str]]:
    """Return the words of each command that matches, over all steps."""
    lines = [line for _, step in steps() for line in step.get("run", "").replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if re.search(pattern, line)]


def test_there_are_workflows_and_actions() -> None:
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "deploy.yml"]
    assert [file.parent.name for file in ACTIONS] == ["deploy"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(GITHUB)))
def test_every_action_is_pinned_by_its_commit_and_names_its_version(file: Path) -> None:
    lines = [line for line in file.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    for line in lines:
        local = re.search(r"uses: \./(.+)$", line)
        if local:
            target = REPOSITORY / local[1]
            assert target.is_file() or (target / "action.yml").is_file(), line
        else:
            assert re.search(r"uses: [\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    assert len(lines) == len(re.findall(r"\buses:", file.read_text()))


def test_an_action_has_one_commit() -> None:
    pins: dict[str, set[str]] = {}
    for file in FILES:
        for name, pin in re.findall(r"uses: ([\w.-]+/[\w.-]+)@(\w{40} # v[\d.]+)", file.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_pull_requests_run_the_checks_without_secrets_and_with_reading_alone() -> None:
    assert set(CI["on"]) == {"pull_request", "schedule", "workflow_call"}
    assert CI["permissions"] == {"contents": "read"}
    assert "secrets" not in (GITHUB / "workflows" / "ci.yml").read_text()
    assert not any("permissions" in job or "environment" in job for job in CI["jobs"].values())


def test_a_workflow_never_runs_code_of_others_with_rights_of_this_repository() -> None:
    for file in WORKFLOWS:
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(loaded(file)["on"]), file.name


def test_a_job_has_the_permissions_that_it_needs() -> None:
    assert DEPLOY["permissions"] == {}
    read, deploy = {"contents": "read"}, {"contents": "read", "id-token": "write"}
    assert {name: job["permissions"] for name, job in DEPLOY["jobs"].items()} == {
        "checks": read,
        "build": read,
        "deploy-dev": deploy,
        "deploy-prod": deploy,
    }


def test_no_expression_becomes_part_of_a_script() -> None:
    # The value may be a branch's name or a commit's message. A script gets it as an environment variable, which the
    # shell does not interpret.
    assert [(name, step["run"]) for name, step in steps() if EXPRESSION.search(step.get("run", ""))] == []


def test_no_token_of_the_repository_is_left_in_a_checkout() -> None:
    found = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert found
    assert all(step["with"]["persist-credentials"] == "false" for step in found)


def test_every_job_has_a_time_limit() -> None:
    assert [name for name, job in jobs() if "uses" not in job and int(job["timeout-minutes"]) > 60] == []


def test_main_goes_to_dev_and_a_tag_to_prod() -> None:
    assert DEPLOY["on"] == {"push": {"branches": ["main"], "tags": ["v*"]}}
    dev, prod = DEPLOY["jobs"]["deploy-dev"], DEPLOY["jobs"]["deploy-prod"]
    assert (dev["if"], dev["environment"]) == ("github.ref == 'refs/heads/main'", "dev")
    assert (prod["if"], prod["environment"]) == ("startsWith(github.ref, 'refs/tags/v')", "prod")
    for stage, job in (("dev", dev), ("prod", prod)):
        (deploy,) = [step for step in job["steps"] if step.get("uses") == "./.github/actions/deploy"]
        assert deploy["with"]["stage"] == stage


def test_nothing_is_deployed_without_the_checks() -> None:
    assert DEPLOY["jobs"]["checks"]["uses"] == "./.github/workflows/ci.yml"
    for name, job in DEPLOY["jobs"].items():
        if job["permissions"].get("id-token") == "write":
            assert job["needs"] == ["checks", "build"], name
    assert [step["run"] for step in CI["jobs"]["test"]["steps"] if "run" in step] == [
        "bash .ci/run",
        "make test-midnight",
    ]


def test_deploys_of_one_stage_do_not_overlap() -> None:
    assert DEPLOY["concurrency"] == {"group": "deploy-${{ github.ref_type }}", "cancel-in-progress": "false"}


def test_what_was_built_is_what_is_deployed() -> None:
    assert len(commands(r"\bsam build\b")) == 1
    (action,) = ACTIONS
    order = [step.get("uses", step.get("run", "")) for step in loaded(action)["runs"]["steps"]]
    places = [
        next(place for place, text in enumerate(order) if re.search(pattern, text))
        for pattern in ("make install", "download-artifact", "tar -xf", "configure-aws-credentials", "sam deploy")
    ]
    assert places == sorted(places), "packages are installed before there are credentials"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    scripts = [shlex.split(line, comments=True) for line in (REPOSITORY / ".ci" / "run").read_text().splitlines()]
    found = [*commands(r"\bmake\b"), *scripts]
    used = {word for words in found if "make" in words for word in words[words.index("make") + 1 :] if "=" not in word}
    assert used >= {"audit", "check", "checkov", "install", "test", "zizmor"}
    assert used <= targets


def test_commands_of_sam_have_known_options_and_environments() -> None:
    found = commands(r"\bsam (build|deploy)\b")
    assert len(found) == 2
    for words in found:
        name = words[1]
        known = {option for each in SAM_COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, words
        assert words[words.index("--config-env") + 1] == "$STAGE"
    assert {"dev", "prod"} <= SAM_CONFIG.keys()


def test_only_people_are_asked_to_confirm() -> None:
    (deploy,) = commands(r"\bsam deploy\b")
    assert "--no-confirm-changeset" in deploy
    for stage in ("dev", "prod"):
        assert SAM_CONFIG[stage]["deploy"]["parameters"]["confirm_changeset"] is True


def test_the_api_is_found_in_the_outputs_of_the_stack() -> None:
    (describe,) = commands("describe-stacks")
    name = describe[describe.index("--stack-name") + 1]
    assert [name.replace("$STAGE", stage) for stage in ("dev", "prod")] == [
        SAM_CONFIG[stage]["global"]["parameters"]["stack_name"] for stage in ("dev", "prod")
    ]
    (output,) = re.findall(r"OutputKey=='(\w+)'", " ".join(describe))
    assert output in template()["Outputs"]


def test_every_deploy_is_followed_by_a_smoke_test() -> None:
    for stage, register in (("dev", True), ("prod", False)):
        job = DEPLOY["jobs"][f"deploy-{stage}"]
        assert "local.smoke" in job["steps"][-1]["run"]
        assert ("--register" in job["steps"][-1]["run"]) is register
        assert "--film" not in job["steps"][-1]["run"], "costs money"
    assert {"SMOKE_EMAIL", "SMOKE_PASSWORD"} <= DEPLOY["jobs"]["deploy-prod"]["steps"][-1]["env"].keys()


def test_dependabot_watches_every_lock_file_and_action() -> None:
    updates = {each["package-ecosystem"]: each for each in loaded(GITHUB / "dependabot.yml")["updates"]}
    folders = ("functions", "layers", "local", "tests")
    locked = [file for folder in folders for file in (REPOSITORY / folder).rglob("*.in")]
    assert set(updates["pip"]["directories"]) == {f"/{file.parent.relative_to(REPOSITORY)}" for file in locked}
    assert updates["github-actions"]["directories"] == ["/", "/.github/actions/*"]
    packages = [file for file in (REPOSITORY / "tests").rglob("package-lock.json") if "node_modules" not in file.parts]
    assert set(updates["npm"]["directories"]) == {f"/{file.parent.relative_to(REPOSITORY)}" for file in packages}
