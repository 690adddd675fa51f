"""Stacks that no other test uses."""

from pathlib import Path

import pytest

from tests.conftest import run_of
from tests.e2e.conftest import recorder  # noqa: F401 - a fixture
from tests.e2e.shared_stack import StackCommand


@pytest.fixture
def own_stack(pytestconfig: pytest.Config, tmp_path: Path) -> StackCommand:
    """A stack that does not run and has no build."""
    return StackCommand(run_of(pytestconfig), tmp_path, number=1)


@pytest.fixture
def built_stack(own_stack: StackCommand, pytestconfig: pytest.Config) -> StackCommand:
    """A stack that does not run. It shares the build of ``make test``, which the first start makes if it is missing."""
    build = StackCommand(run_of(pytestconfig)).folder / "build"
    build.mkdir(parents=True, exist_ok=True)
    (own_stack.folder / "build").symlink_to(build)
    return own_stack
