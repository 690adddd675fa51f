"""Documented deploy commands and samconfig.toml: no command loses a parameter of its environment."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws import template

CONFIG: dict[str, Any] = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
ENVIRONMENTS = [name for name in CONFIG if name != "version"]
# Commands that read the parameters: the built code depends on Architecture.
COMMANDS = ("build", "deploy")
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def commands() -> Iterator[tuple[str, str]]:
    """Yield each documented ``sam build`` and ``sam deploy``, with its page: in code blocks and in running text."""
    for page in PAGES:
        text = re.sub(r"\\\n\s*", " ", page.read_text())
        # Inline code may be wrapped; in a block, a command ends with its line.
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines()]
        inline = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        for line in [*lines, *(" ".join(code.split()) for code in inline)]:
            for part in re.split(r"&&|;|#", line):
                if re.match(rf"\s*\$?\s*sam ({'|'.join(COMMANDS)})\b", part):
                    yield page.name, part.strip().removeprefix("$").strip()


def overrides(values: list[str]) -> dict[str, str]:
    return dict(value.split("=", 1) for value in values)


def lost_parameters(command: str) -> set[str]:
    """Return the parameters of the command's environment that it overrides without keeping them."""
    words = shlex.split(command)
    environment = words[words.index("--config-env") + 1] if "--config-env" in words else "default"
    if "--parameter-overrides" not in words:
        return set()
    rest = words[words.index("--parameter-overrides") + 1 :]
    given = overrides([word for word in rest if re.match(r"\w+=", word)])
    kept = overrides(CONFIG[environment]["global"]["parameters"]["parameter_overrides"])
    return {
        name for name, value in kept.items() if given.get(name) is None or (name == "Stage" and given[name] != value)
    }


def test_a_command_that_loses_a_parameter_is_found() -> None:
    assert lost_parameters("sam deploy --config-env prod --parameter-overrides HostPage=true") == {
        "Stage",
        "LogRetentionDays",
        "ConfirmEmail",
        "RefuseBreachedPasswords",
        "SnapStart",
        "Canary",
    }
    kept = "LogRetentionDays=1 ConfirmEmail=true RefuseBreachedPasswords=true SnapStart=true Canary=false"
    assert lost_parameters(f"sam deploy --config-env prod --parameter-overrides Stage=dev {kept}") == {"Stage"}
    assert lost_parameters("sam deploy --config-env prod") == set()


def test_no_documented_command_loses_a_parameter() -> None:
    found = list(commands())
    assert {page for page, _ in found} >= {"DEPLOYMENT.md", "PAGE.md"}
    assert [(page, command) for page, command in found if lost_parameters(command)] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_build_and_deploy_read_the_same_parameters(environment: str) -> None:
    commands_of = CONFIG[environment]
    values = overrides(commands_of["global"]["parameters"]["parameter_overrides"])
    assert values.keys() <= template()["Parameters"].keys()
    assert values["Stage"] == (environment if environment != "default" else "dev")
    assert not any("parameter_overrides" in commands_of[command]["parameters"] for command in COMMANDS)
