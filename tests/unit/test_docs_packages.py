"""The package tables of docs/ARCHITECTURE.md against the imports of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LAYER = REPOSITORY / "layers/dreamvision/python/dreamvision"
TOUR = (REPOSITORY / "docs/ARCHITECTURE.md").read_text()
PACKAGES = sorted(file.parent.name for file in LAYER.glob("*/__init__.py"))
_PACKAGE_ROW = re.compile(r"^\| `(\w+)` \| [^|]+ \|([^|]*)\|$", re.MULTILINE)
_LIBRARY_ROW = re.compile(r"^\| `(\w+)`[^|]* \| ([^|]+\.py`) \|$", re.MULTILINE)
_ARROW = re.compile(r"^    (\w+) --> (\w+)$", re.MULTILINE)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def packages_imported_by(package: str) -> set[str]:
    modules = {name for file in (LAYER / package).glob("*.py") for name in imported(file)}
    return {name.split(".")[1] for name in modules if name.startswith("dreamvision.")} - {package}


def allowed_imports() -> dict[str, set[str]]:
    section = TOUR.partition("## The packages")[2].partition("\n## ")[0]
    return {name: set(re.findall(r"`(\w+)`", allowed)) for name, allowed in _PACKAGE_ROW.findall(section)}


def test_every_package_has_a_row() -> None:
    assert sorted(allowed_imports()) == PACKAGES


def test_a_package_may_import_only_packages_above_it() -> None:
    above: set[str] = set()
    for package, allowed in allowed_imports().items():
        assert allowed <= above, package
        above.add(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    assert packages_imported_by(package) <= allowed_imports()[package]


def test_every_arrow_is_an_allowed_import() -> None:
    arrows = _ARROW.findall(TOUR.partition("flowchart BT")[2].partition("```")[0])
    assert {package for package, _ in arrows} == set(PACKAGES) - {"core"}
    for package, target in arrows:
        assert target in allowed_imports()[package], f"{package} --> {target}"


@pytest.mark.parametrize(("library", "modules"), _LIBRARY_ROW.findall(TOUR))
def test_a_library_is_imported_only_by_the_named_modules(library: str, modules: str) -> None:
    users = {
        str(file.relative_to(LAYER))
        for file in LAYER.rglob("*.py")
        if library in {name.split(".")[0] for name in imported(file)}
    }
    assert users == set(re.findall(r"`([^`]+)`", modules))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_itself_imports_nothing(package: str) -> None:
    body = ast.parse((LAYER / package / "__init__.py").read_text()).body
    assert [type(statement) for statement in body] == [ast.Expr]


def test_the_layer_does_not_depend_on_http_code() -> None:
    users = [file for file in LAYER.rglob("*.py") if any(name.startswith("dreamvision_api") for name in imported(file))]
    assert users == []


@pytest.mark.parametrize("folder", ["operations", "workflows", "triggers"])
def test_a_function_without_http_does_not_load_http_code(folder: str) -> None:
    files = list((REPOSITORY / "functions" / folder).rglob("app.py"))
    assert files
    assert not [file for file in files if any(name.startswith("dreamvision_api") for name in imported(file))]
