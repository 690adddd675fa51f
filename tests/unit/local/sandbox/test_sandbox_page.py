"""docs/SANDBOX.md against the markers that the sandboxes know."""

import re

from local.sandbox.faults import CLAUDE_KINDS, RUNWAY_KINDS
from tests.conftest import REPOSITORY

_ROW = re.compile(r"^\| `\[\[.*$", re.MULTILINE)
_MARKER = re.compile(r"`\[\[(claude|runway):(\w+)\]\]`")


def test_every_marker_has_a_row_and_no_other_has() -> None:
    rows = "\n".join(_ROW.findall((REPOSITORY / "docs/SANDBOX.md").read_text()))
    known = [("claude", kind) for kind in CLAUDE_KINDS] + [("runway", kind) for kind in RUNWAY_KINDS]
    assert sorted(_MARKER.findall(rows)) == sorted(known)
