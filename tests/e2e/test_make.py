"""The Makefile's targets for the local stack, as the documents show them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import REPOSITORY
from tests.e2e.shared_stack import StackCommand
from tests.invariants.shell_commands import documented

SAVED = [REPOSITORY / "dream.mp4", REPOSITORY / "dream.jpg"]
INVOCATIONS = [each.words[1:] for each in documented(REPOSITORY / "docs/INVOKING.md") if each.words[0] == "make"]


def make(local: StackCommand, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a target with the settings of the stack. -o: the packages are installed already."""
    return subprocess.run(
        ["make", "--no-print-directory", "-o", ".venv/.local-installed", *words],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **local.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def own_files() -> Iterator[None]:
    """Keep what an earlier demo has saved."""
    kept = {file: file.read_bytes() for file in SAVED if file.exists()}
    for file in kept:
        file.unlink()
    yield
    for file in SAVED:
        file.unlink(missing_ok=True)
        if file in kept:
            file.write_bytes(kept[file])


@pytest.mark.usefixtures("own_files", "stack")
def test_demo_saves_the_video_and_its_image(local: StackCommand) -> None:
    shown = make(local, "demo", DREAM="I was late and the stairs kept melting")
    assert shown.returncode == 0, shown.stderr
    assert "I was late and the stairs kept melting" in shown.stdout
    video, image = (file.read_bytes() for file in SAVED)
    assert video[4:8] == b"ftyp"
    assert image[:2] == b"\xff\xd8"


def test_up_prints_the_addresses(local: StackCommand, stack: dict[str, Any]) -> None:
    shown = make(local, "up")
    assert shown.returncode == 0, shown.stderr
    assert stack["page_url"] in shown.stdout
    assert stack["mailbox_url"] in shown.stdout


@pytest.mark.usefixtures("stack")
def test_reload_says_that_nothing_has_changed(local: StackCommand, http: httpx.Client) -> None:
    assert http.get("/api/v1/health").status_code == 200
    shown = make(local, "reload")
    assert shown.returncode == 0, shown.stderr
    assert "Reloading the functions (nothing has changed)" in shown.stdout
    assert http.get("/api/v1/health").status_code == 200


def test_a_stack_that_does_not_run_is_stopped_and_reset(local: StackCommand, tmp_path: Path) -> None:
    for target, said in (("down", "is not running"), ("reset", "The data is deleted")):
        shown = make(local, target, LOCAL_DIR=str(tmp_path))
        assert shown.returncode == 0, shown.stderr
        assert said in shown.stdout
    refused = make(local, "reload", LOCAL_DIR=str(tmp_path))
    assert refused.returncode != 0
    assert "is not running" in refused.stderr


@pytest.mark.usefixtures("stack")
def test_the_documented_invocations(local: StackCommand) -> None:
    assert INVOCATIONS
    for words in INVOCATIONS:
        shown = make(local, *words)
        assert "Error:" not in shown.stderr, shown.stderr
        assert shown.stdout.startswith("{")
