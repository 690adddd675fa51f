"""Every command in the documents is run by a test or is marked as needing an account, and none can be mistyped."""

import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import REPOSITORY
from tests.invariants import aws_cli
from tests.invariants.shell_commands import SUBSTITUTED, Documented, commands_of, documented, inline

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
# Former decisions may name what is gone.
CURRENT = [page for page in PAGES if page.parent.name != "decisions" or page.name == "README.md"]
INLINE = ("aws", "curl", "make", "python -m", ".venv/bin/python -m", "sam")

# What runs a documented command that needs no account: a test, or the script of CI.
RUN_BY = {
    "make demo": "tests/e2e/test_make.py::test_demo_saves_the_video_and_its_image",
    "make up": "tests/e2e/test_make.py::test_up_prints_the_addresses",
    "make down": "tests/e2e/test_make.py::test_a_stack_that_does_not_run_is_stopped_and_reset",
    "make reset": "tests/e2e/test_make.py::test_a_stack_that_does_not_run_is_stopped_and_reset",
    "make picture": "tests/unit/local/sandbox/test_film_animations.py::test_the_moving_picture_is_a_loop",
    "make reload": "tests/e2e/test_make.py::test_reload_says_that_nothing_has_changed",
    "make operate": "tests/e2e/test_operations.py::test_make_operate",
    "make invoke": "tests/e2e/test_make.py::test_the_documented_invocations",
    "make help": "tests/unit/test_make.py::test_help_lists_every_target",
    "make test-unit": "tests/unit/test_make.py::test_each_kind_of_tests_can_be_selected",
    "make test-packages": "tests/unit/test_make.py::test_each_kind_of_tests_can_be_selected",
    "make test-lifecycle": "tests/unit/test_make.py::test_each_kind_of_tests_can_be_selected",
    "make test-integration": "tests/unit/test_make.py::test_each_kind_of_tests_can_be_selected",
    "make test-e2e": "tests/unit/test_make.py::test_each_kind_of_tests_can_be_selected",
    "make format": "tests/unit/test_make.py::test_format_formats",
    "make openapi": "tests/unit/local/test_openapi.py::test_committed_files_are_up_to_date",
    "make deploy-policy": "tests/invariants/test_deploy_policy.py::test_policy_and_page_are_those_of_the_template",
    "make cost": "tests/unit/local/test_cost.py::test_the_command_prints_the_page_and_renews_it",
    "make sizes": "tests/packages/test_build.py::test_the_table_has_every_function_and_layer",
    "make check": ".ci/run",
    "make checkov": ".ci/run",
    "make zizmor": ".ci/run",
    "make smoke": "tests/e2e/test_smoke.py::test_a_registered_user_makes_a_video_and_is_deleted",
    "make attack": ".ci/run",
    "make test": ".ci/run",
    "python -m local up": "tests/e2e/test_stack.py::test_a_second_start_leaves_the_running_stack_unchanged",
    "python -m pytest": ".ci/run",
    "python -m local.breached_passwords": "tests/unit/local/test_breached_passwords.py::test_all_files_are_read",
    "python -m local.sample_events": "tests/invariants/test_events.py::test_every_route_has_its_sample_event",
    "sam build": "tests/packages/test_build.py",
    "sam deploy": "tests/e2e/test_stack.py",
    "npx openapi-ts": "tests/e2e/test_typescript_client.py",
    "npm install": "tests/e2e/test_typescript_client.py",
}
# What no test may run, and why.
NOT_RUN = {
    "make test-midnight": "repeats the unit and integration tests; the workflow `ci.yml` runs it",
    "make measure-memory": "takes minutes; its parts are tested in `tests/unit/local/test_measure_memory.py`",
    "make audit": "asks a database of vulnerabilities on the internet; the workflow `ci.yml` runs it",
    "make clean": "deletes the virtual environment of the tests",
    "make lock": "asks the package index for the newest versions",
    "make screenshots": "replaces the images of the documents",
    "npx expo": "belongs to the app's project",
}
# Programs that need nothing of ours. Their commands are part of a longer one.
ORDINARY = {"cat", "echo", "printf", "base64", "jq", "read", "id", "output", "grep", "sleep", "git", "cd", "export"}


OPENAPI: dict[str, Any] = json.loads((REPOSITORY / "docs/openapi.json").read_text())


def everything() -> list[Documented]:
    """Return the commands of all pages, those in code blocks and those in running text."""
    return [each for page in CURRENT for each in (*documented(page), *inline(page, INLINE))]


def key_of(words: tuple[str, ...]) -> str:
    """Return the part of a command by which the tables above list it."""
    if words[0].endswith("python"):
        words = ("python", *words[1:])
    return " ".join(words[: {"python": 4 if words[:3] == ("python", "-m", "local") else 3}.get(words[0], 2)])


def needs_an_account(words: tuple[str, ...]) -> bool:
    """Return whether a command reaches AWS, or what is deployed there."""
    if words[0] in ("aws", "curl"):
        return True
    return words[0] == "sam" and "--config-env" in words and words[words.index("--config-env") + 1] != "local"


def unexplained(commands: Iterable[Documented]) -> list[str]:
    """Return the commands that need an account without being marked, and those that nothing runs."""
    found = []
    for each in commands:
        if each.needs or each.words[0] in ORDINARY:
            continue
        if needs_an_account(each.words) or key_of(each.words) not in RUN_BY.keys() | NOT_RUN.keys():
            found.append(f"{each.page}: {each.text}")
    return found


def test_every_command_is_run_by_a_test_or_marked() -> None:
    assert unexplained(everything()) == []


def test_a_command_without_test_and_mark_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ make paint\n$ aws s3 ls b\n```\n<!-- needs: AWS account -->\n```sh\naws s3 ls b\n```\n"
    )
    assert unexplained(documented(page)) == ["page.md: make paint", "page.md: aws s3 ls b"]


def test_the_marks_name_known_needs() -> None:
    marks = {need for each in everything() for need in each.needs.split(", ") if need}
    assert marks <= {"AWS account", "Docker", "local stack", "network"}


@pytest.mark.parametrize("place", sorted(set(RUN_BY.values())))
def test_what_runs_a_command_exists(place: str) -> None:
    file, _, name = place.partition("::")
    text = (REPOSITORY / file).read_text()
    assert not name or f"def {name}(" in text
    if file == ".ci/run":
        named = {key for key, runner in RUN_BY.items() if runner == place} - {"python -m pytest"}
        assert all(key in text for key in named)


def test_no_table_has_a_command_that_no_page_has() -> None:
    keys = {key_of(each.words) for each in everything()}
    assert sorted((RUN_BY.keys() | NOT_RUN.keys()) - keys) == []


def problems_of(words: tuple[str, ...]) -> list[str]:
    """Return what is wrong with a command: nothing if it exists with these options."""
    checks: dict[str, Callable[[tuple[str, ...]], list[str]]] = {
        "aws": lambda given: aws_cli.problems(list(given)),
        "sam": sam_problems,
        "make": make_problems,
        "curl": curl_problems,
    }
    if words[0].endswith("python"):
        return python_problems(words)
    return checks[words[0]](words) if words[0] in checks else []


def test_every_command_exists_with_its_options() -> None:
    found = [(each.page, each.text, problems_of(each.words)) for each in everything()]
    assert [entry for entry in found if entry[2]] == []


def sam_problems(words: tuple[str, ...]) -> list[str]:
    """Check the subcommand and its options against the SAM CLI that the local stack installs."""
    path = [word for word in words[1:] if not word.startswith("-")][: 2 if words[1] in ("local", "remote") else 1]
    options = _sam_options("/".join(path))
    if not options:
        return [f"no command sam {' '.join(path)}"]
    given = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
    return [f"no option {option} of sam {' '.join(path)}" for option in given if option not in options]


def _sam_options(path: str) -> set[str]:
    package = f"samcli.commands.{path.replace('/', '.')}"
    for module in ("cli", path.rpartition("/")[2], "command"):
        try:
            command = importlib.import_module(f"{package}.{module}").cli
        except (ImportError, AttributeError):
            continue
        return {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    return set()


def make_problems(words: tuple[str, ...]) -> list[str]:
    """Check the target and the variables against the Makefile and the programs that it starts."""
    makefile = (REPOSITORY / "Makefile").read_text()
    sources = makefile + "".join(file.read_text() for file in (REPOSITORY / "local").rglob("*.py"))
    names = [word.partition("=")[0] for word in words[1:] if "=" in word]
    found = [f"nothing reads {name}" for name in names if not re.search(rf"\b{name}\b", sources)]
    targets = [word for word in words[1:] if "=" not in word]
    return found + [f"no target {name}" for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)]


def python_problems(words: tuple[str, ...]) -> list[str]:
    """Check that the module and the paths exist."""
    module = words[words.index("-m") + 1]
    found = [] if importlib.util.find_spec(module) else [f"no module {module}"]
    paths = [word for word in words if word.startswith("tests/")]
    return found + [f"no path {path}" for path in paths if not (REPOSITORY / path).exists()]


def curl_problems(words: tuple[str, ...]) -> list[str]:
    """Check method, route and body of a request against docs/openapi.json; requests elsewhere are not checked."""
    options, urls = curl_options(words)
    found = [f"unknown option {name}" for name in options if name not in _CURL]
    for url in urls:
        path = re.search(r"(/api/v1/[^?]*|/)$", url.partition("?")[0]) if "API" in url else None
        if path is None:
            continue
        body = options.get("--json") or options.get("--data")
        method = options.get("--request") or ("POST" if body else "GET")
        route = next((each for each in OPENAPI["paths"] if _fits(each, path[1])), None)
        operation = OPENAPI["paths"].get(route, {}).get(method.lower()) if route else None
        if operation is None:
            found.append(f"no route {method} {path[1]}")
        elif body and not body.startswith("@"):
            found += _body_problems(operation, body)
    return found


_CURL = {"--json": 1, "--data": 1, "--request": 1, "--header": 1, "--output": 1, "--fail-with-body": 0, "--include": 0,
         "--silent": 0, "--show-error": 0, "--location": 0}  # fmt: skip


def curl_options(words: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
    """Return the long options of a command with their values, and its URLs."""
    options: dict[str, str] = {}
    urls, rest = [], list(words[1:])
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            options[word] = rest.pop(0) if _CURL.get(word) else ""
        else:
            urls.append(word)
    return options, urls


def _fits(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)), path) is not None


def _body_problems(operation: dict[str, Any], body: str) -> list[str]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    try:
        jsonschema.validate(json.loads(body), {**schema, "components": OPENAPI["components"]})
    except ValueError as error:
        return [f"no JSON: {error}"]
    except jsonschema.ValidationError as error:
        return [error.message]
    return []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("aws sqs receive-messages --queue-url u", "no operation"),
        ("aws sqs receive-message", "--queue-url is missing"),
        ("aws sqs receive-message --queue u", "no option --queue"),
        ("aws quack receive-message --queue-url u", "no service"),
        ("aws stepfunctions list-executions --state-machine-arn a --status-filter DEAD", "is none of"),
        ("aws sqs receive-message --queue-url u --max-number-of-messages ten", "is no number"),
        ("aws lambda invoke --function-name f", "0 arguments"),
        ("aws lambda invoke --function-name f --max-items 3 out", "no option --max-items"),
        ("aws dynamodb wait table-exist --table-name t", "no waiter"),
        ("aws dynamodb update-table --table-name t --stream-specification Enabled=true", "no member Enabled"),
        ("aws dynamodb update-table --table-name t --stream-specification '{\"On\": true}'", "Missing required"),
        ("aws sts get-caller-identity --query 'Arn['", "--query"),
        ("aws logs tail group --since 1hour", "--since"),
        ("aws s3 sync a b --remove", "no option --remove"),
        ("sam deploy --config prod", "no option --config "),
        ("sam deplo", "no command"),
        ("make paint", "no target"),
        ("make up COLOUR=red", "nothing reads COLOUR"),
        ("python -m local.painting", "no module"),
        ("python -m pytest tests/none", "no path"),
        ('curl "$API/api/v1/dreems"', "no route GET"),
        ('curl --request PUT "$API/api/v1/auth/me"', "no route PUT"),
        ("curl --json '{\"email\": \"a@b.example\"}' \"$API/api/v1/auth/login\"", "'password' is a required property"),
        ('curl --jsom 1 "$API/api/v1/health"', "unknown option --jsom"),
    ],
)  # fmt: skip
def test_a_mistyped_command_is_found(command: str, problem: str) -> None:
    (words,) = commands_of(command)
    assert problem in " ".join(problems_of(tuple(words)))


@pytest.mark.parametrize(
    "command",
    [
        "aws sqs receive-message --queue-url u --message-attribute-names All",
        "aws stepfunctions list-executions --state-machine-arn a --status-filter FAILED --max-items 10",
        "aws dynamodb wait table-exists --table-name t",
        "aws dynamodb update-table --table-name t --stream-specification StreamEnabled=true,StreamViewType=KEYS_ONLY",
        "aws lambda invoke --function-name f --payload file://event.json answer.json",
        "aws logs tail group --since 30m --filter-pattern '{ $.level = \"ERROR\" }'",
        "sam deploy --config-env prod",
        'curl "$API/api/v1/videos/$JOB?disposition=attachment"',
    ],
)
def test_a_valid_command_is_accepted(command: str) -> None:
    (words,) = commands_of(command)
    assert problems_of(tuple(words)) == []


def test_a_script_is_split_into_its_commands() -> None:
    script = """
    A=1 one 'x; y' "a $(two --in "$(three)") b" | four && five > out.json 2>&1  # comment
    for queue in A B; do six "$queue"; done
    name() { seven --last \\
      eight; }
    """
    assert commands_of(script) == [
        ["three"],
        ["two", "--in", SUBSTITUTED],
        ["one", "x; y", f"a {SUBSTITUTED} b"],
        ["four"],
        ["five"],
        ["six", "$queue"],
        ["seven", "--last", "eight"],
    ]
