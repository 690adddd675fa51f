"""What a running stack does about changed sources."""

from pathlib import Path

import pytest

from local.cloudformation_yaml import load_template
from local.emulator.build import source_files
from local.settings import REPOSITORY
from local.stack.sources import Sources, changes_libraries, copy_to_build, needs_build, needs_deploy
from tests.fakes.aws import template

TEMPLATE = """
Resources:
  ReadFunction: {Type: "AWS::Serverless::Function", Properties: {CodeUri: %s}}
  Table: {Type: "AWS::DynamoDB::Table"}
"""


def test_changed_added_and_deleted_files_are_noticed_once(tmp_path: Path) -> None:
    changed, deleted, same = (tmp_path / name for name in ("changed.py", "deleted.py", "same.py"))
    for file in (changed, deleted, same):
        file.write_text("a = 1\n")
    sources = Sources(lambda: tmp_path.glob("*.py"), tmp_path)
    assert sources.changed() == set()
    changed.write_text("a = 10\n")
    deleted.unlink()
    (tmp_path / "added.py").touch()
    assert sources.changed() == {"changed.py", "deleted.py", "added.py"}
    assert sources.changed() == set()


@pytest.mark.parametrize(
    ("path", "deploys", "builds", "libraries"),
    [
        ("functions/api/health/app.py", False, False, False),
        ("functions/api/docs/assets/swagger-ui.css", False, False, False),
        ("layers/dreamvision/python/dreamvision/core/ids.py", False, False, False),
        ("layers/api/python/dreamvision_api/api.py", False, False, False),
        ("prompts/templates/chase.txt", False, False, False),
        ("template.yaml", True, False, False),
        ("functions/workflows/erasure/erasure.asl.yaml", True, False, False),
        ("functions/api/auth/requirements.txt", True, True, True),
        ("layers/dependencies/requirements.txt", True, True, True),
        ("packager/install.py", True, True, True),
        ("local/emulator/build.py", True, True, False),
    ],
)
def test_only_what_a_change_needs_is_done(path: str, deploys: bool, builds: bool, libraries: bool) -> None:
    assert (needs_deploy(path), needs_build(path), changes_libraries(path)) == (deploys, builds, libraries)


def test_layers_that_are_not_built_are_read_where_they_are() -> None:
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            built = "BuildMethod" in resource.get("Metadata", {})
            file = f"{resource['Properties']['ContentUri'].strip('./')}/python/module.py"
            assert needs_deploy(file) == built, name
    assert any(needs_deploy(file.relative_to(REPOSITORY).as_posix()) for file in source_files())


def test_a_changed_function_is_copied_to_its_build_without_old_bytecode(tmp_path: Path) -> None:
    source, built = tmp_path / "functions" / "read", tmp_path / "build" / "sam" / "ReadFunction"
    bytecode = built / "__pycache__" / "app.cpython-313.pyc"
    for folder in (source, bytecode.parent):
        folder.mkdir(parents=True)
    (tmp_path / "template.yaml").write_text(TEMPLATE % "functions/read/")
    (built.parent / "template.yaml").write_text(TEMPLATE % "ReadFunction")
    assert load_template(TEMPLATE % "x")["Resources"]["Table"]
    (source / "app.py").write_text("new\n")
    (built / "app.py").write_text("old\n")
    (built / "gone.py").write_text("old\n")
    (built / "package.py").write_text("of a library\n")
    bytecode.touch()

    copy_to_build(
        {"functions/read/app.py", "functions/read/gone.py", "functions/other/app.py"}, tmp_path / "build", tmp_path
    )

    assert {file.name for file in built.rglob("*") if file.is_file()} == {"app.py", "package.py"}
    assert (built / "app.py").read_text() == "new\n"
