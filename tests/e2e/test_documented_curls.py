"""The blocks of README.md and docs/SANDBOX.md that are marked to need the local stack, run as they are."""

import os
import re
import subprocess
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.e2e.shared_stack import StackCommand

_BLOCK = re.compile(r"<!-- needs: local stack -->\n```sh\n(.*?)```", re.DOTALL)
BLOCKS = {page: _BLOCK.findall((REPOSITORY / page).read_text()) for page in ("README.md", "docs/SANDBOX.md")}
# Other tests use the sandboxes at the same time.
_DISTURBS = re.compile(r"^curl [^\n]*_sandbox/(?:faults|reset)(?:[^\n]*\\\n)*[^\n]*$", re.MULTILINE)


def run(block: str, stack: dict[str, Any], local: StackCommand) -> str:
    local.run("up")  # registers the test user
    script = re.sub(r"127\.0\.0\.1:45(\d\d)", lambda found: f"127.0.0.1:{local.port + int(found[1]) - 66}", block)
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": os.environ["PATH"], "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


@pytest.mark.parametrize("page", BLOCKS)
def test_documented_curls_work(page: str, stack: dict[str, Any], local: StackCommand) -> None:
    assert BLOCKS[page]
    for block in BLOCKS[page]:
        shown = run(_DISTURBS.sub("", block), stack, local)
        statuses = re.findall(r"HTTP/1\.1 (\d{3})", shown)
        expected = re.findall(r"^# (\d{3})[,:]", block, re.MULTILINE)
        assert statuses == expected
