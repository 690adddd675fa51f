"""Boundaries that import contracts cannot express: who may write DynamoDB expressions, call AWS or know a supplier."""

import re

import pytest

from tests.conftest import REPOSITORY

LAYER = REPOSITORY / "layers" / "dreamvision" / "python" / "dreamvision"
SOURCES = {
    str(path.relative_to(LAYER)): path.read_text() for path in sorted(LAYER.rglob("*.py")) if path.name != "__init__.py"
}
FUNCTIONS = {
    str(path.relative_to(REPOSITORY)): path.read_text() for path in sorted((REPOSITORY / "functions").rglob("*.py"))
}


def test_dynamodb_expressions_are_in_repositories_only() -> None:
    with_expressions = {name for name, text in SOURCES.items() if "Expression" in text}
    repositories = {name for name in with_expressions if name.endswith("/repository.py")}
    assert with_expressions - repositories == {
        "auth/registrations.py",
        "auth/sessions.py",
        "database/client.py",
        "database/pagination.py",
        "dreams/pages.py",
        "erasure/open_erasures.py",
        "limits/counters.py",
        "limits/daily_counts.py",
        "users/usernames.py",
        "videos/completion_times.py",
        "videos/lifecycle.py",
    }
    assert not [name for name, text in FUNCTIONS.items() if "Expression" in text]


SERVICES = {
    "dynamodb": "database/client.py",
    "cognito-idp": "auth/cognito.py",
    "s3": "media/storage.py",
    "stepfunctions": "core/state_machine.py",
    "apigatewaymanagementapi": "realtime/gateway.py",
    "sqs": "notifications/tasks.py",
    "secretsmanager": "core/secrets.py",
}


@pytest.mark.parametrize("service", SERVICES)
def test_one_module_calls_an_aws_service(service: str) -> None:
    made = re.compile(rf'boto3\.(?:client|resource)\(\s*"{service}"')
    assert [name for name, text in (SOURCES | FUNCTIONS).items() if made.search(text)] == [SERVICES[service]]


def test_no_other_aws_client_is_made() -> None:
    for name, text in (SOURCES | FUNCTIONS).items():
        made = re.findall(r"boto3\.(?:client|resource)\(\s*([^,)]*)", text)
        assert set(made) <= {f'"{service}"' for service in SERVICES}, name


def test_a_package_is_one_docstring() -> None:
    for path in sorted(LAYER.rglob("__init__.py")):
        lines = path.read_text().splitlines()
        assert len(lines) == 1, path
        assert re.fullmatch(r'""".+"""', lines[0]), path


def test_no_package_is_larger_than_a_fifth_of_the_layer() -> None:
    lines: dict[str, int] = {}
    for name, text in SOURCES.items():
        package = name.partition("/")[0]
        lines[package] = lines.get(package, 0) + len(text.splitlines())
    assert max(lines.values()) <= sum(lines.values()) / 5, lines


def test_no_source_file_is_longer_than_400_lines() -> None:
    suffixes = {".py", ".js", ".css", ".html", ".yaml", ".ts"}
    folders = ("layers", "functions", "local", "web", "tests")
    generated = {"redoc.standalone.js"}
    too_long = {
        str(path.relative_to(REPOSITORY)): count
        for folder in folders
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in suffixes
        and path.name not in generated
        and not path.is_symlink()
        and "node_modules" not in path.parts
        and (count := len(path.read_text().splitlines())) > 400
    }
    assert not too_long
